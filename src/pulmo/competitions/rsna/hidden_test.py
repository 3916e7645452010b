"""The competition's files as Kaggle's scorer has them: with another test set, cut from the training data."""

import shutil
from pathlib import Path

import pandas as pd

from pulmo.competitions.rsna.data import (
    CLASSES,
    LABELS,
    LUNGS,
    SAMPLE,
    SAMPLE_BOX,
    TEST_IMAGES,
    TRAIN_IMAGES,
    read_labels,
)
from pulmo.competitions.rsna.submission import COLUMN_ALIASES, IMAGE, read_solution
from pulmo.pipeline.csv_files import write_tables
from pulmo.radiographs.files import ImageFolder
from pulmo.radiographs.holdout import TrainingSet, hide_images
from pulmo.scoring.boxes import COLUMN
from pulmo.scoring.sample import read_sample_ids


def write_hidden_test(data: Path, folder: Path, solution: Path, seed: int = 0, model: Path | None = None) -> None:
    """Write the files, and the solution that only Kaggle would have.

    Args:
        data: Kaggle's folder, or demo data; only read.
        folder: where the files go; not there yet.
        solution: the file for the test images' boxes.
        seed: chooses them.
        model: the trained model that will predict them; not used here.

    Raises:
        UserError: the training data have faults, or too few images.
    """
    images, rows = read_labels(data).images, read_solution(data / LABELS)
    training = TrainingSet(data / LABELS, ImageFolder(data / TRAIN_IMAGES), IMAGE)
    public = len(read_sample_ids(data / SAMPLE, IMAGE, COLUMN_ALIASES))
    hidden = hide_images(training, images["image"].to_list(), public, folder, TEST_IMAGES, seed)
    is_hidden = rows[IMAGE].isin(hidden)
    classes = rows[IMAGE].map(images.set_index("image")["class"])
    write_tables(
        {
            folder / LABELS: rows[~is_hidden],
            folder / CLASSES: rows[~is_hidden][[IMAGE]].assign(**{"class": classes}),
            folder / SAMPLE: pd.DataFrame({IMAGE: hidden, COLUMN: SAMPLE_BOX}),
            solution: rows[is_hidden],
        }
    )
    if (data / LUNGS).is_file():
        shutil.copyfile(data / LUNGS, folder / LUNGS)
