"""SIIM's files checked before long work: the table of masks, the images, the sample submission."""

from pathlib import Path

from pulmo.competitions.siim.data import TRAIN_IMAGES, folder_of_test_images, read_masks, sample, train_table
from pulmo.competitions.siim.settings import Settings
from pulmo.competitions.siim.submission import IMAGE
from pulmo.pipeline.data_check import LIBRARY_BYTES, attempt, check_positives, combined
from pulmo.protocols import DataCheck, NetworkTraining
from pulmo.radiographs.data_check import check_patients, check_test_images, check_training_images
from pulmo.radiographs.files import ImageFolder, find_images
from pulmo.scoring.rle import EMPTY


def check(data: Path, settings: Settings) -> DataCheck:
    """Check training and test files; see `pulmo.protocols.DataChecker`."""
    table, folder = train_table(data), ImageFolder(data / TRAIN_IMAGES)
    test_folder = ImageFolder(folder_of_test_images(data))
    test = check_test_images(sample(data), IMAGE, test_folder)
    masks, faults = attempt(lambda: read_masks(table))
    if masks is None:
        return combined([DataCheck({}, faults), test])
    training = check_training_images(masks["image"].to_list(), table, folder)
    if training.faults:
        return combined([training, test])
    known = masks[masks["image"].isin(find_images(masks["image"], folder))]
    patients, siblings = check_patients(known["image"].rename(IMAGE), data, settings.features.patients, test_folder)
    positives = check_positives(patients, known["rle"] != EMPTY, settings.features.folds, table, "a pneumothorax")
    arrays = 2 * len(known) * settings.features.pixels**2  # images and masks; then probabilities, twice as large
    features = settings.features
    training_of = NetworkTraining(
        "train_segmenter", settings.train_segmenter, features.pixels, len(known), features.folds
    )
    size = DataCheck({}, disk_bytes=2 * arrays, memory_bytes=LIBRARY_BYTES + arrays, trainings=(training_of,))
    return combined([training, positives, siblings, size, test])
