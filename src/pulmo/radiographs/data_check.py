"""Data checks that X-ray competitions share: training images joined with their labels, test images with the sample."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pulmo.pipeline.data_check import ImageTable, attempt, check_images
from pulmo.protocols import DataCheck, Patients
from pulmo.radiographs.files import ImageFolder, image_files, no_image
from pulmo.radiographs.reading import Reader, read_image
from pulmo.scoring.patients import (
    PatientTable,
    find_patients,
    none_in_table,
    patients_by_table,
    patients_of_images,
)
from pulmo.scoring.sample import read_sample_ids


def check_training_images(
    ids: Sequence[str], table: Path, folder: ImageFolder, reader: Reader = read_image
) -> DataCheck:
    """Join the labelled images (`ids` of `table`) with their files, and read some of these; see `check_images`."""
    return check_images(
        ImageTable(
            "training images",
            lambda: ids,
            lambda: image_files(folder),
            reader,
            lambda wanted: no_image(folder, wanted, table),
        )
    )


def check_test_images(
    sample: Path,
    row_id: str,
    folder: ImageFolder,
    column_aliases: Mapping[str, str] | None = None,
    reader: Reader = read_image,
) -> DataCheck:
    """Join the sample submission with the test images; without that file, check every image in the folder."""
    return check_images(
        ImageTable(
            "test images",
            lambda: read_sample_ids(sample, row_id, column_aliases) if sample.is_file() else list(image_files(folder)),
            lambda: image_files(folder),
            reader,
            lambda wanted: no_image(folder, wanted, sample),
        )
    )


def check_patients(images: pd.Series, data: Path, given: Path | None, test: ImageFolder) -> tuple[Patients, DataCheck]:
    """The patient of each training image before any is read, by the table of patients alone, see `find_patients`.

    Args:
        images: ids of the training images that have a file; the series' name is the competition's id column.
        data: Kaggle's folder.
        given: the setting `features.patients`.
        test: where the test images lie.

    Returns:
        The patients; each image is a patient of its own where no table can be read. And the check: how many images
        have a sibling (another image of the same patient), the table's faults, and a note where test images are of
        patients who have training images.
    """
    table, faults = attempt(lambda: find_patients(data, str(images.name), given))
    if table is None:
        patients = Patients(images) if faults else patients_of_images(images, None if given else data)
        return patients, DataCheck({}, faults)
    if table.given and (fault := none_in_table(images.to_list(), table)):
        return Patients(images), DataCheck({}, (fault,))
    patients = patients_by_table(images, table)
    siblings = int(patients.of_row.duplicated(keep=False).sum())
    notes = _on_both_sides(table, set(patients.of_row), test)
    return patients, DataCheck({f"images with a sibling, by {table.path.name}": siblings}, (), notes)


def _on_both_sides(table: PatientTable, trained_on: set[str], test: ImageFolder) -> tuple[str, ...]:
    test_images, _ = attempt(lambda: list(image_files(test)))
    shared = [image for image in test_images or () if table.of_image.get(image) in trained_on]
    if not shared:
        return ()
    what = f"{len(shared)} test images, such as {shared[0]}, are of patients who have training images"
    return (f"{what}: the score on them is too good",)
