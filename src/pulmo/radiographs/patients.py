"""The patient of each X-ray: by the NIH's table where it lies beside Kaggle's files, else by the header's PatientID.

SIIM's and RSNA's images come from the NIH's collection, in which half of the patients have several; Kaggle's ids, and
in RSNA the PatientID too, name images. Folds that ignore the table have one person on both sides.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pulmo.errors import ScanError
from pulmo.imaging.patient_ids import patients_of
from pulmo.imaging.radiograph import read_radiograph_header
from pulmo.radiographs.reading import DICOM
from pulmo.scoring.patients import NIH_PATIENTS


def image_patients(
    images: Sequence[str], names: Sequence[str], nih_patients: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """The patient of each image.

    Args:
        images: their ids, each once.
        names: the PatientID in each one's header; empty where there is none.
        nih_patients: by image, see `scoring.patients`; they override the headers.

    Returns:
        The patient of each image, and notes.
    """
    others = [(image, name) for image, name in zip(images, names, strict=True) if image not in nih_patients]
    patients, notes = patients_of([image for image, _ in others], [name for _, name in others], "X-rays")
    of_others = {image: patient for (image, _), patient in zip(others, patients, strict=True)}
    if nih_patients and others:
        notes.append(
            f"{len(others)} of {len(images)} X-rays are not in {NIH_PATIENTS}: their headers name the patients"
        )
    return [nih_patients.get(image) or of_others[image] for image in images], notes


def patients_by_file(
    images: Sequence[str], files: Mapping[str, Path], nih_patients: Mapping[str, str]
) -> dict[str, str]:
    """The patient of each image before any has been read, for a hidden test set; one without a readable DICOM header
    counts as a patient of its own, unless the NIH's table names it."""
    names = ["" if image in nih_patients else _patient_id(files.get(image)) for image in images]
    return dict(zip(images, image_patients(images, names, nih_patients)[0], strict=True))


def _patient_id(file: Path | None) -> str:
    if file is None or file.suffix.lower() not in DICOM:
        return ""
    try:
        return read_radiograph_header(file).patient or ""
    except ScanError:
        return ""
