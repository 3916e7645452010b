"""The competition's files as Kaggle's scorer has them: with another test set, cut from the training data."""

import shutil
from pathlib import Path

import pandas as pd

from pulmo.competitions.rsna.data import (
    CLASSES,
    LABELS,
    SAMPLE,
    TEST_IMAGES,
    TRAIN_IMAGES,
    cut_hidden_test,
    image_files,
    read_labels,
    read_sample,
)
from pulmo.pipeline.holdout import choose_hidden, place_images
from pulmo.scoring.patients import NIH_PATIENTS, patients_of_images

LUNGS = "lung_rle.csv"


def write_hidden_test(data: Path, folder: Path, solution: Path, seed: int = 0, model: Path | None = None) -> None:
    """Write the files, and what only Kaggle would know.

    Args:
        data: Kaggle's folder, or demo data; only read.
        folder: where the files go; not there yet.
        solution: the file for the test patients' boxes.
        seed: chooses them.
        model: the trained model that will predict them; here it changes nothing.

    Raises:
        UserError: the training data have faults, or too few patients.
    """
    patients = read_labels(data).patients["patient"].to_list()  # as Kaggle calls them; they are images
    people = patients_of_images(pd.Series(patients, name="patientId"), data).of_row
    patient_of = dict(zip(patients, people, strict=True))
    hidden = choose_hidden(patients, len(read_sample(data / SAMPLE)), seed, data / LABELS, patient_of)
    cut = cut_hidden_test(data, hidden)
    images = image_files(data / TRAIN_IMAGES, patients)
    place_images(images, hidden, folder / TRAIN_IMAGES, folder / TEST_IMAGES)
    for path, table in (
        (folder / LABELS, cut.labels),
        (folder / CLASSES, cut.classes),
        (folder / SAMPLE, cut.sample),
        (solution, cut.solution),
    ):
        table.to_csv(path, index=False, lineterminator="\n")
    for name in (LUNGS, NIH_PATIENTS):
        if (data / name).is_file():
            shutil.copyfile(data / name, folder / name)
