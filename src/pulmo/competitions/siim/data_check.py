"""SIIM's files checked before long work: the table of masks, the images, the sample submission."""

from pathlib import Path

import pandas as pd

from pulmo.competition import DataCheck
from pulmo.competitions.siim.data import (
    TRAIN_IMAGES,
    folder_of_test_images,
    read_masks,
    read_sample,
    sample,
    train_table,
)
from pulmo.competitions.siim.settings import Settings
from pulmo.competitions.siim.submission import IMAGE
from pulmo.imaging.radiograph import read_radiograph
from pulmo.pipeline.data_check import LIBRARY_BYTES, ImageTable, attempt, check_images, check_positives, combined
from pulmo.scoring.patients import patients_of_images
from pulmo.scoring.rle import EMPTY
from pulmo.training.image_files import image_files, no_image


def check(data: Path, settings: Settings) -> DataCheck:
    """Check training and test files; see `pulmo.competition.DataChecker`."""
    table, folder = train_table(data), data / TRAIN_IMAGES
    masks, faults = attempt(lambda: read_masks(table))
    if masks is None:
        return combined([DataCheck({}, faults), _test(data)])
    training = check_images(
        ImageTable(
            "training images",
            masks["image"].to_list,
            lambda: image_files(folder),
            read_radiograph,
            lambda ids: no_image(folder, ids, table),
        )
    )
    return combined([training, *_labels(masks, data, settings, not training.faults), _test(data)])


def _labels(masks: pd.DataFrame, data: Path, settings: Settings, joined: bool) -> list[DataCheck]:
    """The rows that have an image: patients, positive ones, and the size of what is made of them."""
    if not joined:
        return []
    known = masks[masks["image"].isin(image_files(data / TRAIN_IMAGES))]
    patients = patients_of_images(known["image"].rename(IMAGE), data)
    positive = known["cell"] != EMPTY
    arrays = 2 * len(known) * settings.features.pixels**2  # images and masks; then probabilities, twice as large
    return [
        check_positives(patients, positive, settings.features.folds, train_table(data), "a pneumothorax"),
        DataCheck({}, (), (), 2 * arrays, LIBRARY_BYTES + arrays),
    ]


def _test(data: Path) -> DataCheck:
    path, folder = sample(data), folder_of_test_images(data)
    return check_images(
        ImageTable(
            "test images",
            lambda: read_sample(path) if path.is_file() else list(image_files(folder)),
            lambda: image_files(folder),
            read_radiograph,
            lambda ids: no_image(folder, ids, path),
        )
    )
