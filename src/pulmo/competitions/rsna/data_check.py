"""RSNA's files checked before long work: labels and classes, the images, the sample submission."""

from pathlib import Path

import pandas as pd

from pulmo.competition import DataCheck
from pulmo.competitions.rsna.data import LABELS, SAMPLE, TEST_IMAGES, TRAIN_IMAGES, read_labels, read_sample
from pulmo.competitions.rsna.settings import Settings
from pulmo.imaging.radiograph import read_radiograph
from pulmo.pipeline.data_check import LIBRARY_BYTES, ImageTable, attempt, check_images, check_positives, combined
from pulmo.scoring.patients import patients_of_images
from pulmo.training.image_files import image_files, no_image


def check(data: Path, settings: Settings) -> DataCheck:
    """Check training and test files; see `pulmo.competition.DataChecker`."""
    folder = data / TRAIN_IMAGES
    labels, faults = attempt(lambda: read_labels(data))
    if labels is None:
        return combined([DataCheck({}, faults), _test(data)])
    training = check_images(
        ImageTable(
            "training images",
            labels.patients["patient"].to_list,
            lambda: image_files(folder),
            read_radiograph,
            lambda ids: no_image(folder, ids, data / LABELS),
        )
    )
    return combined([training, *_labels(labels.patients, data, settings, not training.faults), _test(data)])


def _labels(images: pd.DataFrame, data: Path, settings: Settings, joined: bool) -> list[DataCheck]:
    """The labels that have an image: patients, positive ones, and the size of what is made of them."""
    if not joined:
        return []
    known = images[images["patient"].isin(image_files(data / TRAIN_IMAGES))]
    patients = patients_of_images(known["patient"].rename("patientId"), data)
    arrays = 2 * len(known) * settings.features.pixels**2  # images and masks; then masks of lungs and of boxes
    return [
        check_positives(patients, known["boxes"] > 0, settings.features.folds, data / LABELS, "a box"),
        DataCheck({"boxes": int(known["boxes"].sum())}, (), (), 2 * arrays, LIBRARY_BYTES + arrays),
    ]


def _test(data: Path) -> DataCheck:
    path, folder = data / SAMPLE, data / TEST_IMAGES
    return check_images(
        ImageTable(
            "test images",
            lambda: read_sample(path) if path.is_file() else list(image_files(folder)),
            lambda: image_files(folder),
            read_radiograph,
            lambda ids: no_image(folder, ids, path),
        )
    )
