"""Kaggle's files checked before long work: the training table, the images, the sample submission."""

from pathlib import Path

from pulmo.competition_template import COMPETITION
from pulmo.competition_template.data import read_training_table, test_images, training_images
from pulmo.competition_template.settings import Settings
from pulmo.competition_template.submission import ID, LABELS, TRAIN_TABLE, patients
from pulmo.pipeline.data_check import LIBRARY_BYTES, attempt, check_positives, combined
from pulmo.protocols import DataCheck
from pulmo.radiographs.data_check import check_test_images, check_training_images


def check(data: Path, settings: Settings) -> DataCheck:
    """Check training and test files; see `pulmo.protocols.DataChecker`."""
    table, folds = data / TRAIN_TABLE, settings.features.folds
    test = check_test_images(data / COMPETITION.sample, ID, test_images(data))
    labels, faults = attempt(lambda: read_training_table(data))
    if labels is None:
        return combined([DataCheck({}, faults), test])
    training = check_training_images(labels["image"].to_list(), table, training_images(data))
    people = patients(labels.rename(columns={"image": ID}), data)
    positives = [check_positives(people, labels[name] == 1, folds, table, f"the label {name}") for name in LABELS]
    array_bytes = len(labels) * settings.features.pixels**2
    size = DataCheck({}, disk_bytes=array_bytes, memory_bytes=LIBRARY_BYTES + array_bytes)
    return combined([training, *positives, size, test])
