"""Kaggle's files → what every network learns from: X-rays at network size, boxes painted on them, patients, folds."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.data import (
    LABELS,
    NORMAL,
    OPACITY,
    OTHER,
    TRAIN_IMAGES,
    image_files,
    impossible_ages,
    read_labels,
)
from pulmo.competitions.rsna.rasterize import paint, scaled
from pulmo.competitions.rsna.settings import FeatureSettings
from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.errors import Fault, UserError
from pulmo.pipeline.stage import Stage
from pulmo.scoring.boxes import SIDE
from pulmo.training.folds import stratified_folds
from pulmo.training.image_cache import cache_images
from pulmo.training.image_files import no_image

HEADER = ["age_years", "sex", "view", "modality", "pixel_spacing_mm", "rows", "columns", "error"]
_NAMED = 3


def run(stage: Stage, settings: FeatureSettings) -> None:
    """Write all that `__init__` declares; `images` and `masks` are in the order of `patients`."""
    labels = read_labels(stage.data)
    files = image_files(stage.data / TRAIN_IMAGES, labels.patients["patient"])
    if not files:
        raise UserError(no_image(stage.data / TRAIN_IMAGES, labels.patients["patient"], stage.data / LABELS))
    if len(files) < len(labels.patients):
        stage.note(f"{len(labels.patients) - len(files)} of {len(labels.patients)} labelled patients have no X-ray")
    patients = labels.patients[labels.patients["patient"].isin(files)].reset_index(drop=True)
    boxes = labels.boxes[labels.boxes["patient"].isin(files)].reset_index(drop=True)
    headers = read_images(stage, files, settings.pixels)
    patients = patients.assign(**{name: headers.loc[patients["patient"], name].to_numpy() for name in HEADER})
    patients["impossible_age"] = impossible_ages(patients["age_years"].astype(np.float64))
    _enough(patients, settings.folds, str(stage.data / LABELS))
    kinds = patients.groupby(["class", "boxes"]).ngroup().to_numpy()
    patients["fold"] = stratified_folds(patients["patient"].to_numpy(str), kinds, settings.folds, stage.seed)
    _paint_all(stage, patients, boxes, settings.pixels)
    stage.write("patients", patients)
    stage.write("boxes", boxes)
    stage.write("description", _description(patients, boxes, settings))


def read_images(stage: Stage, files: Mapping[str, Path], pixels: int) -> pd.DataFrame:
    """Read X-rays into the stage's output `images`; those that cannot be read are named.

    Returns:
        One row a patient, indexed by `key`: HEADER, of which `error` says why a picture is black.
    """
    headers = cache_images(stage, "images", files, pixels).reindex(columns=HEADER)
    unread = headers["error"].dropna()
    for reason in unread.head(_NAMED):
        stage.note(f"An X-ray is left out: {reason}")
    if len(unread) > _NAMED:
        stage.note(f"{len(unread) - _NAMED} more X-rays are left out; see features/patients")
    return headers


def image_scale(patients: pd.DataFrame, pixels: int) -> np.ndarray:
    """Network pixels a pixel of the X-ray, across and down, (patients, 2); unread ones count as of the usual size."""
    sides = patients[["columns", "rows"]].astype(np.float64).fillna(SIDE).to_numpy()
    return np.asarray(pixels / sides)


def _paint_all(stage: Stage, patients: pd.DataFrame, boxes: pd.DataFrame, pixels: int) -> None:
    """Masks of all boxes into the output `masks`. Painting again what was painted before a kill is no loss."""
    masks = np.load(stage.array("masks", (len(patients), pixels, pixels), "uint8"), mmap_mode="r+")
    scale = image_scale(patients, pixels)
    places = pd.Index(patients["patient"])
    for patient, group in boxes.groupby("patient"):
        place = int(places.get_loc(patient))
        factor = np.repeat(scale[place : place + 1], len(group), axis=0)
        masks[place] = paint(scaled(group[list(BOX_COLUMNS)].to_numpy(np.float64), factor), pixels)
    masks.flush()


def _enough(patients: pd.DataFrame, folds: int, file: str) -> None:
    positive = int(((patients["boxes"] > 0) & patients["error"].isna()).sum())
    if positive < 2 * folds:
        what = f"{positive} patients with boxes have a readable X-ray in {TRAIN_IMAGES}"
        remedy = f"Give at least {2 * folds}, or set features.folds lower"
        raise UserError(Fault(file, what, remedy))


def _description(patients: pd.DataFrame, boxes: pd.DataFrame, settings: FeatureSettings) -> dict[str, object]:
    return {
        "pixels": settings.pixels,
        "patients": len(patients),
        "unreadable": int(patients["error"].notna().sum()),
        "boxes": len(boxes),
        "classes": {kind: int((patients["class"] == kind).sum()) for kind in (NORMAL, OPACITY, OTHER)},
        "impossible_ages": int(patients["impossible_age"].sum()),
    }
