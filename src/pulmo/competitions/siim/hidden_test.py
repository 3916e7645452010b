"""The competition's files as Kaggle's scorer has them: with another test set, cut from the training data."""

from pathlib import Path

import pandas as pd

from pulmo.competitions.siim.data import SAMPLES, TEST_IMAGES, TRAIN_IMAGES, TRAIN_TABLES, sample, train_table
from pulmo.competitions.siim.submission import ENCODED_PIXELS, IMAGE, read_solution
from pulmo.pipeline.csv_files import write_tables
from pulmo.radiographs.files import ImageFolder
from pulmo.radiographs.holdout import TrainingSet, hide_images
from pulmo.scoring.rle import EMPTY
from pulmo.scoring.sample import read_sample_ids


def write_hidden_test(data: Path, folder: Path, solution: Path, seed: int = 0, model: Path | None = None) -> None:
    """Write the files, and the solution that only Kaggle would have.

    Args:
        data: Kaggle's folder, or demo data; only read.
        folder: where the files go, by the second stage's names; not there yet.
        solution: the file for the test images' masks.
        seed: chooses them.
        model: the trained model that will predict them; not used here.

    Raises:
        UserError: the training data have faults, or too few images.
    """
    table = train_table(data)
    rows = read_solution(table)
    training = TrainingSet(table, ImageFolder(data / TRAIN_IMAGES), IMAGE)
    public = len(read_sample_ids(sample(data), IMAGE))
    hidden = hide_images(training, rows[IMAGE].unique().tolist(), public, folder, TEST_IMAGES[0], seed)
    is_hidden = rows[IMAGE].isin(hidden)
    write_tables(
        {
            folder / TRAIN_TABLES[0]: rows[~is_hidden],
            folder / SAMPLES[0]: pd.DataFrame({IMAGE: hidden, ENCODED_PIXELS: EMPTY}),
            solution: rows[is_hidden],
        }
    )
