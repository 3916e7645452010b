"""The patient of each X-ray: by a table of patients where there is one, else by the header's PatientID.

SIIM's and RSNA's images come from the NIH's collection, in which half of the patients have several; Kaggle's ids, and
in RSNA the PatientID too, name images. Folds that ignore the table have one person on both sides.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pulmo.errors import ScanError
from pulmo.imaging.patient_ids import patients_of
from pulmo.imaging.radiograph import read_radiograph_header
from pulmo.radiographs.reading import DICOM
from pulmo.scoring.patients import NIH_PATIENTS, PatientTable, require_known_image


def image_patients(
    images: Sequence[str], names: Sequence[str], table: PatientTable | None = None
) -> tuple[list[str], list[str]]:
    """The patient of each image.

    Args:
        images: their ids, each once.
        names: the PatientID in each one's header; empty where there is none.
        table: overrides the headers.

    Returns:
        The patient of each image, and notes: where the patients are from, and how many images have a sibling.

    Raises:
        UserError: the user named a table, and it has none of the images.
    """
    known: Mapping[str, str] = {} if table is None else table.of_image
    others = [(image, name) for image, name in zip(images, names, strict=True) if image not in known]
    patients, notes = patients_of([image for image, _ in others], [name for _, name in others], "X-rays")
    of_others = {image: patient for (image, _), patient in zip(others, patients, strict=True)}
    if table is not None and others:
        require_known_image(images, table)
        notes.append(
            f"{len(others)} of {len(images)} X-rays are not in {table.path.name}, such as {others[0][0]}: their "
            "headers name the patients"
        )
    patients = [known.get(image) or of_others[image] for image in images]
    return patients, [_summary(patients, table), *notes]


def patients_by_file(
    images: Sequence[str], files: Mapping[str, Path], table: PatientTable | None = None
) -> dict[str, str]:
    """The patient of each image before any has been read, for a hidden test set; one without a readable DICOM header
    counts as a patient of its own, unless the table names it."""
    known: Mapping[str, str] = {} if table is None else table.of_image
    names = ["" if image in known else _patient_id(files.get(image)) for image in images]
    return dict(zip(images, image_patients(images, names, table)[0], strict=True))


def _summary(patients: Sequence[str], table: PatientTable | None) -> str:
    counts = Counter(patients)
    siblings = sum(count for count in counts.values() if count > 1)
    source = f"the headers' PatientID, for there is no {NIH_PATIENTS}" if table is None else table.path.name
    return (
        f"{len(patients):,} X-rays are of {len(counts):,} patients by {source}; {siblings:,} have a sibling, another "
        "X-ray of the same patient, and stay with it on one side of every split"
    )


def _patient_id(file: Path | None) -> str:
    if file is None or file.suffix.lower() not in DICOM:
        return ""
    try:
        return read_radiograph_header(file).patient or ""
    except ScanError:
        return ""
