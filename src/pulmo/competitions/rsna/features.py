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
from pulmo.competitions.rsna.submission import BOX_COLUMNS, IMAGE
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat
from pulmo.radiographs.dataset import LabelSource, patient_folds, read_labelled_images, require_positives
from pulmo.radiographs.files import ImageFolder
from pulmo.scoring.boxes import SIDE
from pulmo.scoring.patients import find_patients


def run(stage: Stage, settings: FeatureSettings) -> None:
    """Write all that `__init__` declares; `images` and `masks` are in the order of `image_table`.

    `image_table` has a row an image: `image` (Kaggle's patientId), `class`, `boxes` (how many), the header, `patient`,
    `error`, and `fold`, which is -1 for images that cannot be read. `boxes` has a row a box.
    """
    labels = read_labels(stage.data)
    table = stage.data / LABELS
    patients = find_patients(stage.data, IMAGE, settings.patients)
    source = LabelSource(table, ImageFolder(stage.data / TRAIN_IMAGES), patients)
    image_table = read_labelled_images(stage, labels.images, source, ImageFormat(settings.pixels))
    image_table["impossible_age"] = impossible_ages(image_table["age_years"].astype(np.float64))
    require_positives(image_table, (image_table["boxes"] > 0).to_numpy(), settings.folds, table)
    image_table["fold"] = patient_folds(stage, image_table, kinds_of_patient(image_table), settings.folds)
    boxes = labels.boxes[labels.boxes["image"].isin(image_table["image"])].reset_index(drop=True)
    _write_masks(stage, image_table, boxes, settings.pixels)
    stage.write("image_table", image_table)
    stage.write("boxes", boxes)
    stage.write("description", _description(image_table, boxes, settings))


def kinds_of_patient(images: pd.DataFrame) -> np.ndarray:
    """The stratum of each image's patient, (images,) int: fewest boxes first, then the classes without a box.

    A patient with several images is of the first stratum of any of them: an opacity in one counts.
    """
    kinds = images.assign(empty=images["boxes"] == 0).groupby(["empty", "class", "boxes"]).ngroup()
    return kinds.groupby(images["patient"]).transform("min").to_numpy()


def image_scale(image_table: pd.DataFrame, pixels: int) -> np.ndarray:
    """Network pixels a pixel of the X-ray, across and down, (images, 2); unread ones count as of the usual size."""
    sides = image_table[["columns", "rows"]].astype(np.float64).fillna(SIDE).to_numpy()
    return np.asarray(pixels / sides)


def _write_masks(stage: Stage, image_table: pd.DataFrame, boxes: pd.DataFrame, pixels: int) -> None:
    """Masks of all boxes into the output `masks`; after a kill they are made again, which takes seconds."""
    masks = np.load(stage.array("masks", (len(image_table), pixels, pixels), "uint8"), mmap_mode="r+")
    scale = image_scale(image_table, pixels)
    places = pd.Index(image_table["image"])
    for image, group in boxes.groupby("image"):
        place = int(places.get_loc(image))
        factor = np.repeat(scale[place : place + 1], len(group), axis=0)
        masks[place] = paint(scaled(group[list(BOX_COLUMNS)].to_numpy(np.float64), factor), pixels)
    masks.flush()


def _description(image_table: pd.DataFrame, boxes: pd.DataFrame, settings: FeatureSettings) -> dict[str, object]:
    return {
        "pixels": settings.pixels,
        "images": len(image_table),
        "patients": int(image_table["patient"].nunique()),
        "unreadable": int(image_table["error"].notna().sum()),
        "boxes": len(boxes),
        "classes": {kind: int((image_table["class"] == kind).sum()) for kind in (NORMAL, OPACITY, OTHER)},
        "impossible_ages": int(image_table["impossible_age"].sum()),
    }
