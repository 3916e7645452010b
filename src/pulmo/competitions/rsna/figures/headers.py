"""Labels and X-ray headers of RSNA's images, before or after a run."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.data import NORMAL, OPACITY, OTHER, TRAIN_IMAGES, impossible_ages, read_labels
from pulmo.errors import ScanError, UserError
from pulmo.imaging.radiograph import read_radiograph_header
from pulmo.pipeline.runner import Run
from pulmo.radiographs.files import ImageFolder, find_images
from pulmo.report.sections import CannotDrawError, read
from pulmo.report.style import GREEN, ORANGE, VERMILION

COLLECTED = "dicom_headers.csv.gz"
"""A published table of all headers (columns are DICOM keywords), which saves reading 26,684 files."""
MAX_FILES = 1000
SEED = 0
COLOURS = {NORMAL: GREEN, OTHER: ORANGE, OPACITY: VERMILION}
SHORT = {NORMAL: "normal", OTHER: "not normal,\nno opacity", OPACITY: "opacity"}


class Headers(NamedTuple):
    """`table` has one row per image: `image`, `class`, `boxes`, `age_years`, `sex`, `view`, `pixel_spacing_mm` and
    `impossible_age`; `origin` describes the source of the headers."""

    table: pd.DataFrame
    origin: str


def read_headers(run: Run) -> Headers:
    """Headers from the stage `features` if it has been run, else from COLLECTED, else from a sample of the X-rays.

    Raises:
        UserError: none of them exists.
    """
    try:
        return Headers(read(run, "features/image_table"), "the headers of all readable X-rays")
    except UserError:
        images = read_labels(run.paths.data).images
    collected = run.paths.data / COLLECTED
    known, origin = (_collected(run), COLLECTED) if collected.is_file() else _sampled(run, images)
    table = images.merge(known, on="image", how="inner", validate="one_to_one")
    return Headers(table.assign(impossible_age=impossible_ages(table["age_years"])), origin)


def _collected(run: Run) -> pd.DataFrame:
    path = run.paths.data / COLLECTED
    columns = {
        "PatientID": "image",
        "PatientAge": "age_years",
        "PatientSex": "sex",
        "ViewPosition": "view",
        "PixelSpacing": "pixel_spacing_mm",
    }
    with path.open("rb") as file:
        table = pd.read_csv(file, compression="gzip", usecols=lambda name: name in columns)
    missing = [name for name in columns if name not in table]
    if missing:
        raise CannotDrawError(
            str(path), f"has no column {missing[0]}", f"Remove it; up to {MAX_FILES} X-rays are then read"
        )
    return table.rename(columns=columns).drop_duplicates("image")


def _sampled(run: Run, images: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    folder = run.paths.data / TRAIN_IMAGES
    files = find_images(images["image"], ImageFolder(folder))
    if not files:
        raise CannotDrawError(str(folder), "holds no labelled X-ray", "Put Kaggle's files there")
    names = np.random.default_rng(SEED).permutation(sorted(files))[:MAX_FILES].tolist()
    rows = []
    for name in names:
        try:
            header = read_radiograph_header(files[name])
        except ScanError:
            continue
        spacing_mm = header.pixel_spacing_mm[0] if header.pixel_spacing_mm else None
        rows.append((name, header.age_years, header.sex, header.view, spacing_mm))
    table = pd.DataFrame(rows, columns=["image", "age_years", "sex", "view", "pixel_spacing_mm"])
    origin = f"the headers of {len(table):,} of {len(files):,} X-rays"
    return table, origin + (f" (drawn at random, seed {SEED})" if len(files) > MAX_FILES else "")


def classes_of(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The images of each class present, in the order of COLOURS. Without a class, images with boxes count as
    OPACITY, others as NORMAL."""
    kind = table["class"].where(table["class"] != "", np.where(table["boxes"] > 0, OPACITY, NORMAL))
    return {name: table[kind == name] for name in COLOURS if (kind == name).any()}
