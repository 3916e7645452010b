"""Kaggle's files → the training set: X-rays and masks at network size, headers, patients, folds."""

from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.siim.data import TRAIN_IMAGES, read_masks, train_table
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
from pulmo.radiographs.settings import ImageSettings
from pulmo.scoring.patients import read_nih_patients
from pulmo.scoring.rle import area, decode, parse


def run(stage: Stage, settings: ImageSettings) -> None:
    """Write all that `__init__` declares; `images` and `masks` are in the order of `x_rays`.

    `x_rays` has a row an image that has both a mask (maybe empty) and a file: `image`, `cell` (its mask), `area`
    (pixels), the header, `patient`, `error`, and `fold`, which is -1 for images that cannot be read.
    """
    table = train_table(stage.data)
    masks = read_masks(table)
    masks["area"] = area(parse(masks["cell"].to_list()))
    source = LabelSource(table, ImageFolder(stage.data / TRAIN_IMAGES), read_nih_patients(stage.data, IMAGE))
    x_rays = read_labelled_images(stage, masks, source, ImageFormat(settings.pixels, settings.clahe_clip_limit))
    _check_masks(x_rays, table)
    require_positives(x_rays, (x_rays["area"] > 0).to_numpy(), settings.folds, table)
    x_rays["fold"] = patient_folds(stage, x_rays, kinds_of_area(x_rays["area"].to_numpy()), settings.folds)
    _write_masks(stage, x_rays, settings.pixels)
    stage.write("x_rays", x_rays)
    stage.write("description", _description(x_rays, settings))


def kinds_of_area(area: np.ndarray) -> np.ndarray:
    """No pneumothorax, or a small, middling or large one: 0 to 3, thirds of the images that have one, (images,) int."""
    return np.searchsorted(np.quantile(area[area > 0], (0, 1 / 3, 2 / 3)), area, side="right")


def _check_masks(x_rays: pd.DataFrame, table: Path) -> None:
    """Check that masks fit their images.

    Raises:
        UserError: with every image whose mask does not.
    """
    masks = parse(x_rays["cell"].to_list())
    ends = np.zeros(len(x_rays))
    np.maximum.at(ends, masks.owners, masks.ends)
    too_far = (ends > x_rays["rows"] * x_rays["columns"]) & x_rays["error"].isna()
    if too_far.any():
        raise UserError(
            Fault(
                str(table),
                f"the mask of {row.image} goes past its {row.rows:g}x{row.columns:g} pixels",
                "Correct it, or use the table and the images of the same download",
            )
            for row in x_rays[too_far].itertuples()
        )


def _write_masks(stage: Stage, x_rays: pd.DataFrame, pixels: int) -> None:
    """All masks at network size into the output `masks`; after a kill they are made again, which takes seconds."""
    masks = np.load(stage.array("masks", (len(x_rays), pixels, pixels), "uint8"), mmap_mode="r+")
    marked = ((x_rays["area"] > 0) & x_rays["error"].isna()).to_numpy()
    for number in np.flatnonzero(marked):
        row = x_rays.iloc[number]
        mask = decode(parse([row["cell"]]), (int(row["rows"]), int(row["columns"])))[0]
        masks[number] = resized_mask(mask, pixels)
    masks.flush()


def _description(x_rays: pd.DataFrame, settings: ImageSettings) -> dict[str, object]:
    return {
        "pixels": settings.pixels,
        "clahe_clip_limit": settings.clahe_clip_limit,
        "images": len(x_rays),
        "unreadable": int(x_rays["error"].notna().sum()),
        "positive": int((x_rays["area"] > 0).sum()),
        "patients": int(x_rays["patient"].nunique()),
    }
