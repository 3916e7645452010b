"""Kaggle's files → the training set: X-rays and masks at network size, headers, patients, folds."""

from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.siim.data import TRAIN_IMAGES, read_masks, train_table
from pulmo.competitions.siim.settings import FeatureSettings
from pulmo.competitions.siim.submission import IMAGE
from pulmo.errors import Fault, UserError
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat
from pulmo.radiographs.dataset import (
    LabelSource,
    patient_folds,
    read_labelled_images,
    require_positives,
    resized_mask,
)
from pulmo.radiographs.files import ImageFolder
from pulmo.scoring.patients import find_patients
from pulmo.scoring.rle import area, decode, parse


def run(stage: Stage, settings: FeatureSettings) -> None:
    """Write all that `__init__` declares; `images` and `masks` are in the order of `image_table`.

    `image_table` has a row an image that has both a mask (maybe empty) and a file: `image`, `rle` (its mask), `area`
    (pixels), the header, `patient`, `error`, and `fold`, which is -1 for images that cannot be read.
    """
    table = train_table(stage.data)
    masks = read_masks(table)
    masks["area"] = area(parse(masks["rle"].to_list()))
    patients = find_patients(stage.data, IMAGE, settings.patients)
    source = LabelSource(table, ImageFolder(stage.data / TRAIN_IMAGES), patients)
    image_table = read_labelled_images(stage, masks, source, ImageFormat(settings.pixels, settings.clahe_clip_limit))
    _check_masks(image_table, table)
    require_positives(image_table, (image_table["area"] > 0).to_numpy(), settings.folds, table)
    image_table["fold"] = patient_folds(
        stage, image_table, kinds_of_area(image_table["area"].to_numpy()), settings.folds
    )
    _write_masks(stage, image_table, settings.pixels)
    stage.write("image_table", image_table)
    stage.write("description", _description(image_table, settings))


def kinds_of_area(area: np.ndarray) -> np.ndarray:
    """No pneumothorax, or a small, middling or large one: 0 to 3, thirds of the images that have one, (images,) int."""
    return np.searchsorted(np.quantile(area[area > 0], (0, 1 / 3, 2 / 3)), area, side="right")


def _check_masks(image_table: pd.DataFrame, table: Path) -> None:
    """Check that masks fit their images.

    Raises:
        UserError: with every image whose mask does not.
    """
    masks = parse(image_table["rle"].to_list())
    ends = np.zeros(len(image_table))
    np.maximum.at(ends, masks.owners, masks.ends)
    too_far = (ends > image_table["rows"] * image_table["columns"]) & image_table["error"].isna()
    if too_far.any():
        raise UserError(
            Fault(
                str(table),
                f"the mask of {row.image} goes past its {row.rows:g}x{row.columns:g} pixels",
                "Correct it, or use the table and the images of the same download",
            )
            for row in image_table[too_far].itertuples()
        )


def _write_masks(stage: Stage, image_table: pd.DataFrame, pixels: int) -> None:
    """All masks at network size into the output `masks`; after a kill they are made again, which takes seconds."""
    masks = np.load(stage.array("masks", (len(image_table), pixels, pixels), "uint8"), mmap_mode="r+")
    marked = ((image_table["area"] > 0) & image_table["error"].isna()).to_numpy()
    for number in np.flatnonzero(marked):
        row = image_table.iloc[number]
        mask = decode(parse([row["rle"]]), (int(row["rows"]), int(row["columns"])))[0]
        masks[number] = resized_mask(mask, pixels)
    masks.flush()


def _description(image_table: pd.DataFrame, settings: FeatureSettings) -> dict[str, object]:
    return {
        "pixels": settings.pixels,
        "clahe_clip_limit": settings.clahe_clip_limit,
        "images": len(image_table),
        "unreadable": int(image_table["error"].notna().sum()),
        "positive": int((image_table["area"] > 0).sum()),
        "patients": int(image_table["patient"].nunique()),
    }
