"""Kaggle's files: where they lie, and the checked training table."""

from pathlib import Path

import pandas as pd

from pulmo.competition_template.submission import ID, TRAIN_TABLE, patients, read_solution
from pulmo.radiographs.files import ImageFolder
from pulmo.radiographs.reading import RASTER

TRAIN_IMAGES, TEST_IMAGES = "train", "test"


def training_images(data: Path) -> ImageFolder:
    """The folder of training images, PNG or JPEG."""
    return ImageFolder(data / TRAIN_IMAGES, RASTER)


def test_images(data: Path) -> ImageFolder:
    """The folder of test images, likewise."""
    return ImageFolder(data / TEST_IMAGES, RASTER)


def read_training_table(data: Path) -> pd.DataFrame:
    """A row a training image: `image`, `patient`, and a column a label, 0 or 1. Raises UserError with every fault."""
    labels = read_solution(data / TRAIN_TABLE)
    return labels.rename(columns={ID: "image"}).assign(patient=patients(labels, data).of_row)
