"""Header tags of all DICOM files in a folder, one row per file: the tags of the OSIC report's Figure 8."""

import os
import warnings
from typing import Any

import pandas as pd
from pydicom import dcmread
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from pulmo.errors import Fault, ScanError
from pulmo.files import expanded, files_below
from pulmo.imaging.dicom_parser import read_elements
from pulmo.printable import printable

META_KEYWORDS = (
    *("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID", "ImplementationClassUID"),
    *("ImplementationVersionName", "SourceApplicationEntityTitle"),
)
KEYWORDS = (
    *("SpecificCharacterSet", "ImageType", "SOPInstanceUID", "Modality", "Manufacturer", "ManufacturerModelName"),
    *("PatientName", "PatientID", "PatientSex", "DeidentificationMethod", "BodyPartExamined", "SliceThickness", "KVP"),
    *("DistanceSourceToDetector", "DistanceSourceToPatient", "GantryDetectorTilt", "TableHeight"),
    *("RotationDirection", "XRayTubeCurrent", "GeneratorPower", "FocalSpots", "ConvolutionKernel"),
    *("PatientPosition", "StudyInstanceUID", "SeriesInstanceUID", "StudyID", "AcquisitionNumber", "InstanceNumber"),
    *("ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID", "PositionReferenceIndicator"),
    *("SliceLocation", "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "PixelSpacing"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "WindowCenter"),
    *("WindowWidth", "RescaleIntercept", "RescaleSlope", "RescaleType"),
)
_NUMBERS = ("DS", "IS", "US", "US or SS")


def header_table(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """One row per DICOM file below `folder`, by path; a column per tag of META_KEYWORDS and KEYWORDS, and `file`.

    Numbers are floats (missing: NaN), all else text (missing: empty). A tag of fixed multiplicity has a column for each
    value (`PixelSpacing_1`, `_2`); of others only the first number is kept. A value that violates the standard is kept
    as text. Files that are not DICOM, or cannot be read, have no row. Raises ScanError if no file is DICOM.
    """
    folder = expanded(folder)
    rows = []
    for path in files_below(folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about values that violate the standard
            try:
                read_elements(path, frozenset())
                with path.open("rb") as file:
                    row = _row(dcmread(file, stop_before_pixels=True, force=True, specific_tags=list(KEYWORDS)))
            except Exception:  # arbitrary bytes lead pydicom to raise anything
                continue
            rows.append({"file": printable(path.relative_to(folder)), **row})
    if not rows:
        raise ScanError(Fault(str(folder), "holds no DICOM file", "Give a folder of DICOM files"))
    return pd.DataFrame(rows)


def _row(dataset: Dataset) -> dict[str, str | float]:
    row: dict[str, str | float] = {key: _text(_value(dataset.file_meta, key) or "") for key in META_KEYWORDS}
    for keyword in KEYWORDS:
        tag = tag_for_keyword(keyword) or 0
        value = _value(dataset, keyword)
        if dictionary_VR(tag) not in _NUMBERS:
            row[keyword] = "" if value is None else _text(value)
            continue
        values = [value] if value is None or isinstance(value, int | float | str) else list(value)
        count = dictionary_VM(tag)
        if count.isdigit() and int(count) > 1:
            for index in range(int(count)):
                row[f"{keyword}_{index + 1}"] = _number(values[index] if index < len(values) else None)
        else:
            row[keyword] = _number(values[0] if values else None)
    return row


def _value(dataset: Dataset, keyword: str) -> Any:
    """The value as pydicom converts it; the raw text where it cannot."""
    try:
        return dataset.get(keyword)
    except Exception:  # a damaged type or value leads pydicom to raise anything
        raw = dataset.get_item(keyword).value
        return raw.decode("utf-8", "replace").strip("\0 ") if isinstance(raw, bytes) else str(raw)


def _text(value: object) -> str:
    return "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")
