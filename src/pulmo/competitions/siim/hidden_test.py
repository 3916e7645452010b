"""The competition's files as Kaggle's scorer has them: with another test set, cut from the training data."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pulmo.competitions.siim.data import (
    SAMPLES,
    TEST_IMAGES,
    TRAIN_IMAGES,
    TRAIN_TABLES,
    cut_hidden_test,
    read_masks,
    read_sample,
    sample,
    train_table,
)
from pulmo.competitions.siim.submission import IMAGE
from pulmo.errors import ScanError
from pulmo.imaging.radiograph import read_radiograph_header
from pulmo.pipeline.holdout import choose_hidden, place_images
from pulmo.scoring.patients import NIH_PATIENTS, read_nih_patients
from pulmo.training.folds import patients_of
from pulmo.training.image_files import image_files


def write_hidden_test(data: Path, folder: Path, solution: Path, seed: int = 0, model: Path | None = None) -> None:
    """Write the files, and what only Kaggle would know.

    Args:
        data: Kaggle's folder, or demo data; only read.
        folder: where the files go, by the second stage's names; not there yet.
        solution: the file for the test images' masks.
        seed: chooses them.
        model: the trained model that will predict them; here it changes nothing.

    Raises:
        UserError: the training data have faults, or too few images.
    """
    table, files = train_table(data), image_files(data / TRAIN_IMAGES)
    public = len(read_sample(sample(data)))
    images = read_masks(table)["image"].to_list()
    patient_of = {**_patient_of(images, files), **read_nih_patients(data, IMAGE)}
    hidden = choose_hidden(images, public, seed, table, patient_of)
    cut = cut_hidden_test(table, hidden)
    place_images(files, hidden, folder / TRAIN_IMAGES, folder / TEST_IMAGES[0])
    for path, rows in (
        (folder / TRAIN_TABLES[0], cut.train),
        (folder / SAMPLES[0], cut.sample),
        (solution, cut.solution),
    ):
        rows.to_csv(path, index=False, lineterminator="\n")
    if (data / NIH_PATIENTS).is_file():
        shutil.copyfile(data / NIH_PATIENTS, folder / NIH_PATIENTS)


def _patient_of(images: Sequence[str], files: Mapping[str, Path]) -> dict[str, str]:
    """The patient of each image by its header; one without a readable file counts as a patient of its own."""
    names = [_name(files.get(image)) for image in images]
    return dict(zip(images, patients_of(images, names, "X-rays")[0], strict=True))


def _name(file: Path | None) -> str:
    try:
        return (read_radiograph_header(file).patient or "") if file else ""
    except ScanError:
        return ""
