"""Kaggle's SIIM files → checked tables. Also cuts a hidden test set from training data, as Kaggle cut its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.siim.submission import CELLS, IMAGE, read_solution
from pulmo.errors import Fault, UserError
from pulmo.scoring.dice import united
from pulmo.scoring.rle import EMPTY, to_text
from pulmo.scoring.tables import place, read_table
from pulmo.training.file_ids import dicom_files

TRAIN_TABLES = ("stage_2_train.csv", "train-rle.csv")
TRAIN_IMAGES = "dicom-images-train"
TEST_IMAGES = ("stage_2_images", "dicom-images-test")
SAMPLES = ("stage_2_sample_submission.csv", "sample_submission.csv")
"""The second stage's names first: its training table holds both test sets of the first."""


def train_table(folder: Path) -> Path:
    """Kaggle's table of masks, of either stage; where there is neither, the path it should have."""
    return _first_there(folder, TRAIN_TABLES)


def folder_of_test_images(folder: Path) -> Path:
    """Kaggle's folder of test images, likewise."""
    return _first_there(folder, TEST_IMAGES)


def sample(folder: Path) -> Path:
    """Kaggle's sample submission, likewise."""
    return _first_there(folder, SAMPLES)


def _first_there(folder: Path, names: Sequence[str]) -> Path:
    return next((folder / name for name in names if (folder / name).exists()), folder / names[0])


def read_masks(path: Path) -> pd.DataFrame:
    """The mask of each image, in the file's order: `image`, and `cell` as text; several rows of one are a union.

    Raises:
        UserError: with every fault of the file.
    """
    images, masks = united(read_solution(path), IMAGE)
    return pd.DataFrame({"image": images, "cell": to_text(masks)})


def read_sample(path: Path) -> list[str]:
    """The images that a sample submission asks for, in the file's order.

    Raises:
        UserError: one stands there twice, or there is none.
    """
    ids = read_table(path, (IMAGE,))[IMAGE]
    faults = [
        Fault(place(str(path), row, IMAGE), f"{ids.iloc[row]!r} stands there again", "Download the file again")
        for row in np.flatnonzero(ids.duplicated())
    ]
    if ids.empty:
        faults.append(Fault(str(path), "asks for nothing", "Download the file again"))
    if faults:
        raise UserError(faults)
    return ids.to_list()


def image_files(folder: Path) -> dict[str, Path]:
    """The DICOM file of each image by its id, ids in order; flat or in folders of study and series.

    Raises:
        UserError: an image is there twice. The folder need not exist.
    """
    return dicom_files(folder)


class HiddenTest(NamedTuple):
    """Training data cut in two, in Kaggle's columns; `solution` is what only Kaggle would know."""

    train: pd.DataFrame
    sample: pd.DataFrame
    solution: pd.DataFrame


def cut_hidden_test(path: Path, images: Sequence[str]) -> HiddenTest:
    """Hide the masks of some images of a training table.

    Returns:
        `train` without them, rows as they stand there; `sample`, asking for them; `solution`, their rows.

    Raises:
        UserError: the file has faults, or an image is not in it.
    """
    rows = read_solution(path)
    unknown = sorted(set(images) - set(rows[IMAGE]))
    if unknown:
        remedy = "Choose images from this file"
        raise UserError(Fault(str(path), f"has no image {name!r}", remedy) for name in unknown)
    hidden = rows[IMAGE].isin(images)
    return HiddenTest(
        train=rows[~hidden].reset_index(drop=True),
        sample=pd.DataFrame({IMAGE: sorted(images), CELLS: EMPTY}),
        solution=rows[hidden].reset_index(drop=True),
    )
