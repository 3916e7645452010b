"""A hidden test set of X-rays cut from training data: whole patients chosen, their images moved to the test folder."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pulmo.pipeline.holdout import choose_hidden, place_images
from pulmo.radiographs.files import ImageFolder, image_files
from pulmo.radiographs.patients import patients_by_file
from pulmo.scoring.patients import NIH_PATIENTS, find_patients


class TrainingSet(NamedTuple):
    """Kaggle's training data, only read.

    Attributes:
        table: the file of labels.
        images: their folder.
        row_id: the submission's id column.
        patient_of: the patient of each image, where the competition's files name them; None: see `patients_by_file`.
    """

    table: Path
    images: ImageFolder
    row_id: str
    patient_of: Mapping[str, str] | None = None


def hide_images(
    training: TrainingSet, images: Sequence[str], public: int, folder: Path, test_images: str, seed: int
) -> list[str]:
    """Choose the images to hide, and link all images into a folder with Kaggle's layout.

    Args:
        training: where tables and images are.
        images: the labelled images, each once.
        public: how many images the public test set has; the hidden one has another number.
        folder: where the files go; not there yet.
        test_images: the name of the folder of test images in it.
        seed: chooses the patients.

    Returns:
        The hidden images, in the order of their ids. A patient is hidden with all images; see `choose_hidden`.

    Raises:
        UserError: there are too few images.
    """
    data, files = training.table.parent, image_files(training.images)
    patients = training.patient_of
    if patients is None:
        patients = patients_by_file(images, files, find_patients(data, training.row_id))
    hidden = choose_hidden(images, public, seed, training.table, patients)
    place_images(files, hidden, folder / training.images.path.name, folder / test_images)
    if (data / NIH_PATIENTS).is_file():
        shutil.copyfile(data / NIH_PATIENTS, folder / NIH_PATIENTS)
    return hidden
