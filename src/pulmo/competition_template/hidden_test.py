"""The competition's files as Kaggle's scorer has them: with another test set, cut from the training data."""

from pathlib import Path

from pulmo.competition_template import COMPETITION
from pulmo.competition_template.data import TEST_IMAGES, read_training_table, training_images
from pulmo.competition_template.submission import ID, LABELS, TRAIN_TABLE
from pulmo.pipeline.csv_files import write_tables
from pulmo.radiographs.holdout import TrainingSet, hide_images
from pulmo.scoring.sample import read_sample_ids
from pulmo.scoring.tables import read_table


def write_hidden_test(data: Path, folder: Path, solution: Path, seed: int = 0, model: Path | None = None) -> None:
    """Write the files, and the solution that only Kaggle would have; see `pulmo.competition.Holdout`."""
    labels, rows = read_training_table(data), read_table(data / TRAIN_TABLE, (ID, *LABELS))
    patient_of = dict(zip(labels["image"], labels["patient"], strict=True))
    training = TrainingSet(data / TRAIN_TABLE, training_images(data), ID, patient_of)
    public = len(read_sample_ids(data / COMPETITION.sample, ID))
    hidden = hide_images(training, list(patient_of), public, folder, TEST_IMAGES, seed)
    is_hidden = rows[ID].isin(hidden)
    truth = rows.loc[is_hidden, [ID, *LABELS]]
    write_tables(
        {
            folder / TRAIN_TABLE: rows[~is_hidden],
            folder / COMPETITION.sample: truth.assign(**dict.fromkeys(LABELS, 0)),
            solution: truth,
        }
    )
