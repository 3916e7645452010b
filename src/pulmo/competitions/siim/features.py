"""Kaggle's files → what networks learn from: X-rays and masks at network size, what the headers say, folds."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.siim.data import TRAIN_IMAGES, read_masks, train_table
from pulmo.competitions.siim.settings import FeatureSettings
from pulmo.errors import Fault, UserError
from pulmo.imaging.radiograph import resized
from pulmo.pipeline.stage import Stage
from pulmo.scoring.rle import area, decode, parse
from pulmo.training.folds import patients_of, stratified_folds
from pulmo.training.image_cache import cache_images
from pulmo.training.image_files import image_files, no_image

HEADER = ["patient", "age_years", "sex", "view", "modality", "pixel_spacing_mm", "rows", "columns", "error"]
COVERED = 255
_NAMED = 3


def run(stage: Stage, settings: FeatureSettings) -> None:
    """Write all that `__init__` declares; `images` and `masks` are in the order of `x_rays`.

    `x_rays` has a row an image that has both a mask (maybe empty) and a file: `image`, `cell` (its mask), `area`
    (pixels), HEADER and `fold`, which is -1 for those that cannot be read.
    """
    table = train_table(stage.data)
    masks, files = read_masks(table), image_files(stage.data / TRAIN_IMAGES)
    if not masks["image"].isin(files).any():
        raise UserError(no_image(stage.data / TRAIN_IMAGES, masks["image"], table))
    _note_partners(stage, masks, files)
    x_rays = masks[masks["image"].isin(files)].reset_index(drop=True)
    theirs = {image: files[image] for image in x_rays["image"]}
    headers = read_images(stage, theirs, settings.pixels, settings.clahe_clip_limit)
    x_rays = x_rays.assign(area=area(parse(x_rays["cell"].to_list())), **headers.reset_index(drop=True))
    x_rays["patient"] = _patients(stage, x_rays)
    _check(x_rays, settings.folds, str(table))
    readable = x_rays["error"].isna().to_numpy()
    x_rays["fold"] = np.int64(-1)
    patients, kinds = x_rays["patient"].to_numpy(str), kinds_of_area(x_rays["area"].to_numpy())
    x_rays.loc[readable, "fold"] = stratified_folds(patients[readable], kinds[readable], settings.folds, stage.seed)
    _shrink_masks(stage, x_rays, settings.pixels)
    stage.write("x_rays", x_rays)
    stage.write("description", _description(x_rays, settings))


def _patients(stage: Stage, x_rays: pd.DataFrame) -> list[str]:
    """Whose each X-ray is; one that cannot be read is nobody's."""
    readable = x_rays["error"].isna()
    known = x_rays[readable]
    found, notes = patients_of(known["image"].to_list(), known["patient"].astype(object).fillna("").to_list(), "X-rays")
    for note in notes:
        stage.note(note)
    patients = x_rays["image"].copy()
    patients[readable] = found
    return list(patients)


def kinds_of_area(area: np.ndarray) -> np.ndarray:
    """No air, little, some or much of it: 0 to 3, thirds of the X-rays that have any, (images,) int."""
    return np.searchsorted(np.quantile(area[area > 0], (0, 1 / 3, 2 / 3)), area, side="right")


def read_images(stage: Stage, files: Mapping[str, Path], pixels: int, clahe_clip_limit: float) -> pd.DataFrame:
    """Read X-rays into the stage's output `images`, see `cache_images`; those that cannot be read are named.

    Returns:
        One row an image, indexed by `key`: HEADER, of which `error` says why a picture is black.
    """
    headers = cache_images(stage, "images", files, pixels, clahe_clip_limit).reindex(columns=HEADER)
    unread = headers["error"].dropna()
    for reason in unread.head(_NAMED):
        stage.note(f"An X-ray is left out: {reason}")
    if len(unread) > _NAMED:
        stage.note(f"{len(unread) - _NAMED} more X-rays are left out: they cannot be read either")
    return headers


def _note_partners(stage: Stage, masks: pd.DataFrame, files: Mapping[str, Path]) -> None:
    """Say which images have no row, and which rows no image."""
    without_file = masks.loc[~masks["image"].isin(files), "image"].to_list()
    without_row = sorted(set(files) - set(masks["image"]))
    for names, what in ((without_file, "rows have no image"), (without_row, "images have no row")):
        if names:
            stage.note(f"{len(names)} {what} and are left out, such as {names[0]}")


def _check(x_rays: pd.DataFrame, folds: int, file: str) -> None:
    """Masks that fit their pictures, and enough of them.

    Raises:
        UserError: with every image whose mask does not; or there are too few.
    """
    masks = parse(x_rays["cell"].to_list())
    ends = np.zeros(len(x_rays))
    np.maximum.at(ends, masks.owners, masks.ends)
    too_far = (ends > x_rays["rows"] * x_rays["columns"]) & x_rays["error"].isna()
    if too_far.any():
        raise UserError(
            Fault(file, f"the mask of {row.image} goes past its {row.rows:g}x{row.columns:g} pixels", "Correct it")
            for row in x_rays[too_far].itertuples()
        )
    positive = x_rays.loc[(x_rays["area"] > 0) & x_rays["error"].isna(), "patient"].nunique()
    if positive < 2 * folds:
        what = f"{positive} patients with a mask have a readable X-ray in {TRAIN_IMAGES}"
        raise UserError(Fault(file, what, f"Give at least {2 * folds}, or set features.folds lower"))


def _shrink_masks(stage: Stage, x_rays: pd.DataFrame, pixels: int) -> None:
    """All masks at network size into the output `masks`; done again after a kill, which is no loss."""
    masks = np.load(stage.array("masks", (len(x_rays), pixels, pixels), "uint8"), mmap_mode="r+")
    marked = ((x_rays["area"] > 0) & x_rays["error"].isna()).to_numpy()
    for number in np.flatnonzero(marked):
        row = x_rays.iloc[number]
        painted = decode(parse([row["cell"]]), (int(row["rows"]), int(row["columns"])))[0]
        masks[number] = resized(np.ascontiguousarray(COVERED * painted), pixels)
    masks.flush()


def _description(x_rays: pd.DataFrame, settings: FeatureSettings) -> dict[str, object]:
    return {
        "pixels": settings.pixels,
        "clahe_clip_limit": settings.clahe_clip_limit,
        "images": len(x_rays),
        "unreadable": int(x_rays["error"].notna().sum()),
        "positive": int((x_rays["area"] > 0).sum()),
        "patients": int(x_rays["patient"].nunique()),
    }
