"""Reads a DICOM X-ray: grey levels with bright bones, and patient data from its header."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from pydicom.datadict import tag_for_keyword

from pulmo.errors import Fault, ScanError
from pulmo.files import expanded
from pulmo.imaging.colour import read_colour_dicom
from pulmo.imaging.dicom_parser import NotDicomError, read_elements
from pulmo.imaging.pixels import read_pixels
from pulmo.imaging.slices import (
    SLICE_TAGS,
    NotASliceError,
    SliceHeader,
    Values,
    header_of,
    is_colour,
    slice_header,
)
from pulmo.storage import in_memory

_KEYWORDS = (
    *("PatientAge", "PatientSex", "ViewPosition", "BodyPartExamined", "PatientOrientation", "ImagerPixelSpacing"),
    *("PhotometricInterpretation", "WindowCenter", "WindowWidth"),
)
_WANTED = SLICE_TAGS | {tag_for_keyword(keyword) or 0 for keyword in _KEYWORDS}
_BONES_DARK = "MONOCHROME1"
_UNITS_A_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}
_PERCENTILES = (0.5, 99.5)
_WIDEST_WINDOW = 1e9
"""Beyond all stored values."""
_CLAHE_TILES = (4, 4)
_SAMPLED = 4
"""Row and column step of the sample for percentiles."""


class RadiographHeader(NamedTuple):
    """Values of an X-ray's header; None where missing.

    `age_years` is not checked: RSNA's reach 155. `sex` is usually M or F, `view` PA or AP.
    `pixel_spacing_mm` is (between rows, between columns), PixelSpacing or else ImagerPixelSpacing, at the detector.
    `body_part` is BodyPartExamined; `orientation` PatientOrientation, where rows and columns point: `L\\F` to the
    patient's left and feet.
    """

    patient: str | None
    age_years: float | None
    sex: str | None
    view: str | None
    modality: str | None
    rows: int
    columns: int
    pixel_spacing_mm: tuple[float, float] | None
    body_part: str | None = None
    orientation: str | None = None


@dataclass(frozen=True)
class Radiograph:
    """An X-ray: `grey` is uint8 (rows, columns), bones bright, the patient's right on the left."""

    grey: np.ndarray
    header: RadiographHeader

    def __repr__(self) -> str:
        rows, columns = self.grey.shape
        return f"Radiograph({rows} × {columns} pixels, {self.grey.min()} … {self.grey.max()})"


def read_radiograph(path: str | os.PathLike[str]) -> Radiograph:
    """The X-ray in a DICOM file, of any size, 8 to 16 bits and either photometric interpretation.

    Pixels of up to 8 bits are unchanged. Others are scaled linearly over the file's window or, if more than half of the
    pixels are outside it, from the 0.5th to the 99.5th percentile. Grey that is stored as colours is read as grey.

    Raises ScanError, with the remedy, for a file that is not DICOM, or not one grey image, whose pixels are truncated
    or undecodable, or whose rescaling is implausible.
    """
    file = expanded(path)
    with in_memory([file]):
        return _radiograph(file)


def _radiograph(file: Path) -> Radiograph:
    values, layout = _read(file)
    photometric = values.text("PhotometricInterpretation")
    if is_colour(values):
        return Radiograph(read_colour_dicom(file, photometric), _header(values, layout))
    layout.require("RescaleSlope", "RescaleIntercept")
    stored = read_pixels(layout)
    grey = stored.astype(np.uint8, copy=False) if _is_8_bit(layout) else _windowed(stored, layout, values)
    if photometric == _BONES_DARK:
        grey = ~grey
    return Radiograph(grey, _header(values, layout))


def read_radiograph_header(path: Path) -> RadiographHeader:
    """The header alone. Raises ScanError as `read_radiograph` does, except for the pixels."""
    return _header(*_read(path))


def resized(grey: np.ndarray, pixels: int) -> np.ndarray:
    """An image (rows, columns) of any dtype → (pixels, pixels), each pixel the mean over its area.

    The aspect ratio is not kept, so that masks and boxes scale back by one factor per axis.
    """
    method = cv2.INTER_AREA if min(grey.shape) >= pixels else cv2.INTER_LINEAR
    small: np.ndarray = cv2.resize(grey, (pixels, pixels), interpolation=method)
    return small


def equalize_clahe(grey: np.ndarray, clip_limit: float) -> np.ndarray:
    """Contrast limited adaptive histogram equalisation (CLAHE) of an image, uint8 (rows, columns).

    Each of 4 × 4 tiles is equalised by its own histogram, clipped at `clip_limit` times the mean count, which limits
    the amplification of noise. Source: Zuiderveld, Graphics Gems IV, 1994.
    """
    equalized: np.ndarray = cv2.createCLAHE(clip_limit, _CLAHE_TILES).apply(grey)
    return equalized


def robust_limits(values: np.ndarray) -> tuple[float, float]:
    """The darkest and the brightest half per cent of pixel values, of any shape; 0 and 1 where there are none."""
    darkest, brightest = np.percentile(values, _PERCENTILES) if values.size else (0.0, 1.0)
    return float(darkest), float(brightest)


def to_uint8(values: np.ndarray, darkest: float, brightest: float) -> np.ndarray:
    """float32 values of any shape → uint8, linear from `darkest` (0) to `brightest` (255), rounded and clipped."""
    scaled = (values - np.float32(darkest)) * np.float32(255 / max(brightest - darkest, 1e-6))
    grey: np.ndarray = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return grey


def _read(path: Path) -> tuple[Values, SliceHeader]:
    try:
        elements = read_elements(path, _WANTED)
        values = Values(elements)
        if is_colour(values):
            return values, header_of(path, values, values.integer("Rows", 0), values.integer("Columns", 0))
        return values, slice_header(path, elements)
    except (NotDicomError, NotASliceError) as reason:
        raise ScanError(Fault(str(path), str(reason), "Give a DICOM file with one grey X-ray")) from reason
    except OSError as reason:
        raise ScanError(Fault(str(path), f"cannot be read ({reason.strerror})", "Download the file again")) from reason


def _header(values: Values, layout: SliceHeader) -> RadiographHeader:
    spacing_mm = layout.pixel_spacing_mm or _detector_spacing(values)
    return RadiographHeader(
        patient=layout.patient or None,
        age_years=_years(values.text("PatientAge")),
        sex=values.text("PatientSex") or None,
        view=values.text("ViewPosition") or None,
        modality=layout.modality or None,
        rows=layout.rows,
        columns=layout.columns,
        pixel_spacing_mm=(spacing_mm[0], spacing_mm[1]) if spacing_mm else None,
        body_part=values.text("BodyPartExamined") or None,
        orientation=values.text("PatientOrientation") or None,
    )


def _detector_spacing(values: Values) -> tuple[float, ...]:
    spacing_mm = values.numbers("ImagerPixelSpacing", 2)
    return spacing_mm if spacing_mm and min(spacing_mm) > 0 else ()


def _years(age: str) -> float | None:
    """Years of DICOM's "058Y", "018M", "003W" or "010D", or of the plain number in the competitions' files."""
    number, unit = (age[:-1], age[-1].upper()) if age[-1:].isalpha() else (age, "Y")
    try:
        years = float(number) / _UNITS_A_YEAR[unit]
    except (KeyError, ValueError):
        return None
    return years if math.isfinite(years) else None


def _is_8_bit(layout: SliceHeader) -> bool:
    return layout.bits_stored <= 8 and np.dtype(layout.dtype).kind == "u"


def _windowed(stored: np.ndarray, layout: SliceHeader, values: Values) -> np.ndarray:
    """Stored values (rows, columns) → uint8, linear between two limits; padding becomes black."""
    layout.require("RescaleSlope", "RescaleIntercept")
    measured = stored.astype(np.float32) * np.float32(layout.slope) + np.float32(layout.intercept)
    sample = measured[::_SAMPLED, ::_SAMPLED]
    if layout.padding is not None:
        low, high = layout.padding
        sample = sample[~_within(stored[::_SAMPLED, ::_SAMPLED], low, high)]
    limits = _window(values)
    if limits is None or _saturated(sample, *limits) > 0.5:
        limits = robust_limits(sample)
    grey = to_uint8(measured, *limits)
    if layout.padding is not None:
        black = 255 if values.text("PhotometricInterpretation") == _BONES_DARK else 0
        grey[_within(stored, *layout.padding)] = black
    return grey


def _window(values: Values) -> tuple[float, float] | None:
    """The first window's limits (DICOM PS3.3 C.11.2.1.2, linear)."""
    centre, width = values.numbers("WindowCenter"), values.numbers("WindowWidth")
    if not centre or not width or width[0] <= 1 or abs(centre[0]) + width[0] > _WIDEST_WINDOW:
        return None
    half = (width[0] - 1) / 2
    return centre[0] - 0.5 - half, centre[0] - 0.5 + half


def _saturated(sample: np.ndarray, darkest: float, brightest: float) -> float:
    """The fraction of pixels outside a window."""
    return float(np.mean((sample <= darkest) | (sample >= brightest))) if sample.size else 0.0


def _within(stored: np.ndarray, low: int, high: int) -> np.ndarray:
    return np.asarray((stored >= low) & (stored <= high))
