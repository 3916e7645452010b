"""Kaggle's files → the training set: X-rays at network size, boxes painted as masks, headers, patients, folds."""

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.data import (
    LABELS,
    NORMAL,
    OPACITY,
    OTHER,
    TRAIN_IMAGES,
    impossible_ages,
    read_labels,
)
from pulmo.competitions.rsna.rasterize import paint, scaled
from pulmo.competitions.rsna.settings import FeatureSettings
from pulmo.competitions.rsna.submission import BOX_COLUMNS, PATIENT
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat
from pulmo.radiographs.dataset import LabelSource, patient_folds, read_labelled_images, require_positives
from pulmo.radiographs.files import ImageFolder
from pulmo.scoring.boxes import SIDE
from pulmo.scoring.patients import read_nih_patients


def run(stage: Stage, settings: FeatureSettings) -> None:
    """Write all that `__init__` declares; `images` and `masks` are in the order of `patients`.

    `patients` has a row an image: `patient` is Kaggle's patientId, which names an image, `person` the patient whose
    image it is; then `class`, `boxes` (how many), the header, `error`, and `fold` (by person; -1 for images that cannot
    be read). `boxes` has a row a box.
    """
    labels = read_labels(stage.data)
    table = stage.data / LABELS
    source = LabelSource(table, ImageFolder(stage.data / TRAIN_IMAGES), read_nih_patients(stage.data, PATIENT))
    images = read_labelled_images(
        stage, labels.patients.rename(columns={"patient": "image"}), source, ImageFormat(settings.pixels)
    )
    images["impossible_age"] = impossible_ages(images["age_years"].astype(np.float64))
    require_positives(images, (images["boxes"] > 0).to_numpy(), settings.folds, table)
    images["fold"] = patient_folds(stage, images, kinds_of_patient(images), settings.folds)
    patients = images.rename(columns={"patient": "person", "image": "patient"})
    boxes = labels.boxes[labels.boxes["patient"].isin(patients["patient"])].reset_index(drop=True)
    _write_masks(stage, patients, boxes, settings.pixels)
    stage.write("patients", patients)
    stage.write("boxes", boxes)
    stage.write("description", _description(patients, boxes, settings))


def kinds_of_patient(images: pd.DataFrame) -> np.ndarray:
    """The stratum of each image's patient, (images,) int: fewest boxes first, then the classes without a box.

    A patient with several images is of the first stratum of any of them: an opacity in one counts.
    """
    kinds = images.assign(empty=images["boxes"] == 0).groupby(["empty", "class", "boxes"]).ngroup()
    return kinds.groupby(images["patient"]).transform("min").to_numpy()


def image_scale(patients: pd.DataFrame, pixels: int) -> np.ndarray:
    """Network pixels a pixel of the X-ray, across and down, (patients, 2); unread ones count as of the usual size."""
    sides = patients[["columns", "rows"]].astype(np.float64).fillna(SIDE).to_numpy()
    return np.asarray(pixels / sides)


def _write_masks(stage: Stage, patients: pd.DataFrame, boxes: pd.DataFrame, pixels: int) -> None:
    """Masks of all boxes into the output `masks`; after a kill they are made again, which takes seconds."""
    masks = np.load(stage.array("masks", (len(patients), pixels, pixels), "uint8"), mmap_mode="r+")
    scale = image_scale(patients, pixels)
    places = pd.Index(patients["patient"])
    for patient, group in boxes.groupby("patient"):
        place = int(places.get_loc(patient))
        factor = np.repeat(scale[place : place + 1], len(group), axis=0)
        masks[place] = paint(scaled(group[list(BOX_COLUMNS)].to_numpy(np.float64), factor), pixels)
    masks.flush()


def _description(patients: pd.DataFrame, boxes: pd.DataFrame, settings: FeatureSettings) -> dict[str, object]:
    return {
        "pixels": settings.pixels,
        "patients": len(patients),
        "unreadable": int(patients["error"].notna().sum()),
        "boxes": len(boxes),
        "classes": {kind: int((patients["class"] == kind).sum()) for kind in (NORMAL, OPACITY, OTHER)},
        "impossible_ages": int(patients["impossible_age"].sum()),
    }
