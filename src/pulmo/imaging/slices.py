"""Reads a slice's header: position and orientation, rescaling, and the location of its pixels in the file."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydicom.datadict import tag_for_keyword

from pulmo.errors import Fault, ScanError
from pulmo.imaging.decimals import QUANTITIES, Measured, decimals, measured
from pulmo.imaging.dicom_parser import NATIVE, UNDEFINED, Elements, NotDicomError, read_elements

PHASE_KEYWORDS = (
    *("TemporalPositionIdentifier", "NominalPercentageOfCardiacPhase", "TriggerTime", "EchoTime", "ConvolutionKernel"),
    *("AcquisitionTime", "SeriesTime", "ContentTime"),
)
"""Tags that may separate the phases of a scan, besides AcquisitionNumber."""

SLICE_TAGS = frozenset(
    tag_for_keyword(keyword) or 0
    for keyword in (
        *("ImageType", "Modality", "PatientID", "SeriesInstanceUID", "AcquisitionNumber"),
        *("SOPClassUID", "SOPInstanceUID", "SeriesNumber", "RescaleType"),
        *("SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
        *("PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "PhotometricInterpretation"),
        *QUANTITIES,
        *PHASE_KEYWORDS,
    )
)
_WHOLE_BYTES = (8, 16, 32)
_DIGITS = 12
"""Longest integer string."""
PALETTE = "PALETTE COLOR"
"""Its pixels are indices of colours, not grey levels."""
_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": ("CT", "CT Image Storage"),
    "1.2.840.10008.5.1.4.1.1.4": ("MR", "MR Image Storage"),
}
_CT_SLOPES = (1e-3, 100.0)
"""65,535 steps of less than 0.001 HU do not span air and water; steps above 100 HU do not separate tissues."""
_MAX_CT_INTERCEPT = 65_536.0
"""The range of 16 stored bits."""
_HU_INTERCEPTS = (-8192.0, -500.0)
"""Air is stored as 0 or a little more: the intercept is usually −1024, −8192 on an extended scale."""


class NotASliceError(Exception):
    """The file is not a slice of a scan; the message says what it is."""


class SeveralFramesError(NotASliceError):
    """The file holds several frames; `enhanced.py` reads those of enhanced CT and MR."""


@dataclass(frozen=True)
class SliceHeader:
    """One slice's header.

    `position_mm` is the centre of the first pixel and `orientation` the directions along a row and down a column, in
    the patient's coordinates (x to the left, y to the back, z to the head); `pixel_spacing_mm` is (between rows,
    between columns). Missing values are empty. `has_intercept` is whether RescaleIntercept is present. `padding` is the
    range of stored values that mark padding. `dtype` is NumPy's type of a stored value, of which `bits_stored` bits
    count, from `high_bit` down; `swapped` where pairs of 8-bit pixels are stored in big-endian words. `pixels` is
    (first byte, length) of the pixels in the file. `step_mm` is SpacingBetweenSlices; it and `thickness_mm` are 0 where
    missing. `phase_values` are the texts of PHASE_KEYWORDS. `wrong` pairs the keyword of an implausible value with the
    reason; such a value is treated as missing, see `require`. `notes` list assumptions in words. `frame` counts from 0
    in a multi-frame file, and is None otherwise; `pixels` of an uncompressed frame are its own.
    """

    path: Path
    modality: str
    image_type: str
    patient: str
    series: str
    acquisition: str
    instance: int
    rows: int
    columns: int
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing_mm: tuple[float, ...]
    thickness_mm: float
    location_mm: float | None
    slope: float
    intercept: float
    has_intercept: bool
    padding: tuple[int, int] | None
    syntax: str
    dtype: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    swapped: bool
    pixels: tuple[int, int] | None
    sop: str = ""
    series_number: str = ""
    step_mm: float = 0.0
    phase_values: tuple[str, ...] = ("",) * len(PHASE_KEYWORDS)
    wrong: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    frame: int | None = None

    def require(self, *keywords: str) -> None:
        """Raises ScanError if the value of any of these tags is implausible."""
        for keyword, what in self.wrong:
            if keyword in keywords:
                raise ScanError(Fault(str(self.path), what, "Correct the tag, or export the series again"))

    @property
    def in_whole_bytes(self) -> bool:
        """Each pixel is allocated 1, 2 or 4 bytes."""
        return self.bits_allocated in _WHOLE_BYTES

    @property
    def is_native(self) -> bool:
        """Pixels are stored uncompressed, in whole bytes."""
        return self.pixels is not None and self.syntax in NATIVE and self.in_whole_bytes

    @property
    def is_encapsulated(self) -> bool:
        """Pixels are compressed, in fragments."""
        return self.pixels is not None and self.pixels[1] == UNDEFINED and self.syntax not in NATIVE


def read_slice_header(path: Path) -> SliceHeader:
    """The header of the slice in `path`, without its pixels.

    Raises NotASliceError for a file that cannot be read, is not DICOM, or is not one grey single-frame image.
    """
    try:
        elements = read_elements(path, SLICE_TAGS)
    except NotDicomError as reason:
        raise NotASliceError(str(reason)) from reason
    except OSError as reason:
        raise NotASliceError(f"cannot be read ({reason.strerror or reason})") from reason
    return slice_header(path, elements)


def slice_header(path: Path, elements: Elements) -> SliceHeader:
    """The header from elements already read, SLICE_TAGS among them.

    Raises NotASliceError if they do not describe one grey single-frame image.
    """
    values = Values(elements)
    rows, columns = values.integer("Rows", 0), values.integer("Columns", 0)
    if not rows or not columns:
        raise NotASliceError("a DICOM file without an image")
    photometric = values.text("PhotometricInterpretation")
    if is_colour(values):
        raise NotASliceError(f"a colour image ({photometric or 'several samples a pixel'})")
    frames = int((values.measured("NumberOfFrames").values or (1,))[0])
    if frames > 1:
        split = "split it into one file per slice, for example with dcm4che's `emf2sf`"
        raise SeveralFramesError(f"several frames in one file ({frames}): {split}")
    return header_of(path, values, rows, columns)


def is_colour(values: "Values") -> bool:
    """Whether pixels are colours, or indices of a palette, and not grey levels."""
    return values.integer("SamplesPerPixel", 1) != 1 or values.text("PhotometricInterpretation") == PALETTE


def header_of(path: Path, values: "Values", rows: int, columns: int) -> SliceHeader:
    """The header from its values, without checks of frames and colours."""
    signed = values.integer("PixelRepresentation", 0) == 1
    bits_allocated, bits_stored, high_bit = values.bits()
    modality, notes = modality_of(values)
    found = {keyword: values.measured(keyword) for keyword in QUANTITIES}
    numbers = {keyword: value.values for keyword, value in found.items()}
    wrong = [(keyword, value.wrong) for keyword, value in found.items() if value.wrong]
    slope, intercept = (numbers["RescaleSlope"] or (1.0,))[0], (numbers["RescaleIntercept"] or (0.0,))[0]
    if slope == 0:
        notes += ("RescaleSlope 0 replaced by 1",)
    if modality == "CT":
        wrong += _wrong_for_ct(slope or 1.0, intercept)
    return SliceHeader(
        path=path,
        modality=modality,
        image_type=values.text("ImageType"),
        patient=values.text("PatientID"),
        series=values.text("SeriesInstanceUID"),
        acquisition=values.text("AcquisitionNumber"),
        instance=int((numbers["InstanceNumber"] or (0,))[0]),
        rows=rows,
        columns=columns,
        position_mm=numbers["ImagePositionPatient"],
        orientation=numbers["ImageOrientationPatient"],
        pixel_spacing_mm=numbers["PixelSpacing"],
        thickness_mm=(numbers["SliceThickness"] or (0.0,))[0],
        location_mm=(numbers["SliceLocation"] or (None,))[0],
        slope=slope or 1.0,
        intercept=intercept,
        has_intercept=bool(values.text("RescaleIntercept")),
        padding=values.padding(signed, bits_stored),
        syntax=values.elements.syntax,
        dtype=values.dtype(signed),
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=high_bit,
        swapped=values.elements.in_words and values.elements.order == ">" and bits_allocated == 8,
        pixels=values.elements.pixels,
        sop=values.text("SOPInstanceUID"),
        series_number=values.text("SeriesNumber"),
        step_mm=(numbers["SpacingBetweenSlices"] or (0.0,))[0],
        phase_values=tuple(values.text(keyword) for keyword in PHASE_KEYWORDS),
        wrong=tuple(wrong),
        notes=notes,
    )


def _wrong_for_ct(slope: float, intercept: float) -> list[tuple[str, str]]:
    """Rescaling that cannot give Hounsfield units."""
    low, high = _CT_SLOPES
    wrong = []
    if not low <= abs(slope) <= high:
        wrong.append(
            ("RescaleSlope", f"RescaleSlope is {slope:g}: that of a CT must be between {low:g} and {high:g} HU")
        )
    if abs(intercept) > _MAX_CT_INTERCEPT:
        what = f"RescaleIntercept is {intercept:g}: that of a CT must be at most {_MAX_CT_INTERCEPT:g} HU"
        wrong.append(("RescaleIntercept", what))
    return wrong


def modality_of(values: "Values") -> tuple[str, tuple[str, ...]]:
    """CT, MR …, and assumptions in words; empty where unknown.

    Where Modality is missing, it is inferred from the SOP class, or from rescaling to Hounsfield units: CT.
    """
    declared = values.text("Modality").upper()
    if declared:
        return declared, ()
    modality, name = _CLASSES.get(values.text("SOPClassUID"), ("", ""))
    if modality:
        return modality, (f"Modality is missing: {modality} inferred from its SOP class, {name}",)
    intercept = values.measured("RescaleIntercept").values
    low, high = _HU_INTERCEPTS
    if values.text("RescaleType").upper() == "HU" or (intercept and low <= intercept[0] <= high):
        return "CT", ("Modality is missing: CT inferred from rescaling to Hounsfield units",)
    return "", ()


@cache
def _tag(keyword: str) -> int:
    return tag_for_keyword(keyword) or 0


@dataclass(frozen=True)
class Values:
    """Header values from their raw bytes: pydicom's conversion takes longer than reading, and warns at deviations."""

    elements: Elements

    def _raw(self, keyword: str) -> bytes:
        return self.elements.values.get(_tag(keyword), b"")

    def text(self, keyword: str) -> str:
        """Stripped text; empty if absent."""
        return self._raw(keyword).decode("utf-8", "replace").strip("\0 ")

    def numbers(self, keyword: str, count: int = 1) -> tuple[float, ...]:
        """The first `count` decimals; empty if there are fewer, or any is not a finite number."""
        found = decimals(self._raw(keyword))[:count]
        return found if len(found) == count else ()

    def measured(self, keyword: str) -> Measured:
        """The values of a tag of QUANTITIES, or why they are implausible."""
        return measured(keyword, self._raw(keyword))

    def integer(self, keyword: str, default: int, signed: bool = False) -> int:
        """A binary 16-bit integer; digits are accepted where the value is wrongly stored as text."""
        raw = self._raw(keyword)
        if not raw:
            return default
        if 2 < len(raw) <= _DIGITS and (digits := raw.strip(b"\0 ")).removeprefix(b"-").isdigit():
            value = int(digits) & 0xFFFF
            return value - 0x10000 if signed and value > 0x7FFF else value
        return int.from_bytes(raw[:2], "little" if self.elements.order == "<" else "big", signed=signed)

    def bits(self) -> tuple[int, int, int]:
        """Bits Allocated, Bits Stored and High Bit; an impossible High Bit is replaced by Bits Stored − 1."""
        allocated = self.integer("BitsAllocated", 16)
        stored = self.integer("BitsStored", allocated)
        high = self.integer("HighBit", stored - 1)
        return allocated, stored, high if stored <= high + 1 <= allocated else stored - 1

    def padding(self, signed: bool, bits_stored: int) -> tuple[int, int] | None:
        """The range of stored values that mark padding."""
        # Its type is that of the pixels, whatever the file declares: 63536 for signed pixels is −2000.
        if not self._raw("PixelPaddingValue"):
            return None
        value = self.integer("PixelPaddingValue", 0, signed)
        limit = self.integer("PixelPaddingRangeLimit", value, signed)
        ends = [_extended(end, bits_stored) if signed else end for end in (value, limit)]
        return min(ends), max(ends)

    def dtype(self, signed: bool) -> str:
        """NumPy's type of a stored value."""
        bits = self.integer("BitsAllocated", 16)
        order = NATIVE.get(self.elements.syntax, "<")
        return f"{order}{'i' if signed else 'u'}{bits // 8 if bits in _WHOLE_BYTES else 2}"


def _extended(value: int, bits: int) -> int:
    """Sign extension of a signed number of `bits` bits that was written without it: 2096 of 12 bits is −2000."""
    return value - (1 << bits) if 1 << (bits - 1) <= value < 1 << bits else value
