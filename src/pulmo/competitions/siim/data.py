"""Kaggle's SIIM files, of either stage → checked tables."""

from pathlib import Path

import pandas as pd

from pulmo.competitions.siim.submission import IMAGE, read_solution
from pulmo.radiographs.files import first_existing
from pulmo.scoring.dice import united
from pulmo.scoring.rle import to_text

TRAIN_TABLES = ("stage_2_train.csv", "train-rle.csv")
TRAIN_IMAGES = "dicom-images-train"
TEST_IMAGES = ("stage_2_images", "dicom-images-test")
SAMPLES = ("stage_2_sample_submission.csv", "sample_submission.csv")
"""The second stage's names first: its training table holds both test sets of the first."""


def train_table(folder: Path) -> Path:
    """Kaggle's table of masks, of either stage; where there is neither, the path it should have."""
    return first_existing(folder, TRAIN_TABLES)


def folder_of_test_images(folder: Path) -> Path:
    """Kaggle's folder of test images, likewise."""
    return first_existing(folder, TEST_IMAGES)


def sample(folder: Path) -> Path:
    """Kaggle's sample submission, likewise."""
    return first_existing(folder, SAMPLES)


def read_masks(path: Path) -> pd.DataFrame:
    """The mask of each image, in the file's order: `image`, and `rle` as text; several rows of one are a union.

    Raises:
        UserError: with every fault of the file.
    """
    images, masks = united(read_solution(path), IMAGE)
    return pd.DataFrame({"image": images, "rle": to_text(masks)})
