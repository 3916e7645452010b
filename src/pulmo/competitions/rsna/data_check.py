"""RSNA's files checked before long work: labels and classes, the images, the sample submission."""

from pathlib import Path

from pulmo.competitions.rsna.data import LABELS, LUNGS, SAMPLE, TEST_IMAGES, TRAIN_IMAGES, read_labels
from pulmo.competitions.rsna.settings import Settings
from pulmo.competitions.rsna.submission import COLUMN_ALIASES, IMAGE
from pulmo.pipeline.data_check import LIBRARY_BYTES, attempt, check_positives, combined
from pulmo.protocols import DataCheck, NetworkTraining
from pulmo.radiographs.data_check import check_patients, check_test_images, check_training_images
from pulmo.radiographs.files import ImageFolder, find_images
from pulmo.training.settings import ImageNetworkConfig


def check(data: Path, settings: Settings) -> DataCheck:
    """Check training and test files; see `pulmo.protocols.DataChecker`."""
    folder, test_folder = ImageFolder(data / TRAIN_IMAGES), ImageFolder(data / TEST_IMAGES)
    test = check_test_images(data / SAMPLE, IMAGE, test_folder, COLUMN_ALIASES)
    labels, faults = attempt(lambda: read_labels(data))
    if labels is None:
        return combined([DataCheck({}, faults), test])
    images = labels.images
    training = check_training_images(images["image"].to_list(), data / LABELS, folder)
    if training.faults:
        return combined([training, test])
    known = images[images["image"].isin(find_images(images["image"], folder))]
    patients, siblings = check_patients(known["image"].rename(IMAGE), data, settings.features.patients, test_folder)
    positives = check_positives(patients, known["boxes"] > 0, settings.features.folds, data / LABELS, "a box")
    arrays = 2 * len(known) * settings.features.pixels**2  # images and masks; then masks of lungs and of boxes
    size = DataCheck(
        {"boxes": int(known["boxes"].sum())},
        disk_bytes=2 * arrays,
        memory_bytes=LIBRARY_BYTES + arrays,
        trainings=_trainings(data, settings, len(known)),
    )
    return combined([training, positives, siblings, size, test])


def _trainings(data: Path, settings: Settings, images: int) -> tuple[NetworkTraining, ...]:
    """The families that will be trained; lungs only where there are masks of them."""
    families: dict[str, ImageNetworkConfig] = {
        "train_classifier": settings.train_classifier,
        "train_segmenter": settings.train_segmenter,
        "train_detector": settings.train_detector,
    }
    if (data / LUNGS).is_file() and settings.train_lungs.model is None:
        families = {"train_lungs": settings.train_lungs, **families}
    features = settings.features
    return tuple(
        NetworkTraining(name, config, features.pixels, images, features.folds)
        for name, config in families.items()
        if config.folds
    )
