"""A drawn volume as a series on disk, CT or MR, with the header a scanner writes; equal arguments give equal bytes."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)
from pydicom.valuerep import format_number_as_ds

from pulmo.phantom.compression import encapsulate
from pulmo.phantom.geometry import Grid

STORAGE = {"CT": CTImageStorage, "MR": MRImageStorage, "DX": DigitalXRayImageStorageForPresentation}
NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


@dataclass(frozen=True)
class Encoding:
    """How Hounsfield units become stored pixels: HU = stored × `slope` + `intercept`.

    `padding` is the Pixel Padding Value, a stored value that fills everything outside the circular field of view;
    None draws no circle. Values that do not fit `bits_stored` are clipped, as a scanner clips metal.
    """

    intercept: float = -1024.0
    slope: float = 1.0
    signed: bool = False
    bits_stored: int = 16
    padding: int | None = None
    transfer_syntax: str = ExplicitVRLittleEndian

    @property
    def limits(self) -> tuple[int, int]:
        """The least and greatest stored value."""
        low = -(2 ** (self.bits_stored - 1)) if self.signed else 0
        return low, low + 2**self.bits_stored - 1

    def stored(self, hu: np.ndarray) -> np.ndarray:
        """Hounsfield units (rows, columns) → stored values of the same shape, 16-bit little endian.

        Raises ValueError for a padding value that cannot be stored.
        """
        low, high = self.limits
        values = np.clip(np.rint((hu - self.intercept) / self.slope), low, high)
        if self.padding is not None:
            if not low <= self.padding <= high:
                raise ValueError(f"the padding {self.padding} is outside the stored values {low}…{high}")
            values[~_circle(hu.shape)] = self.padding
        return np.asarray(values.astype("<i2" if self.signed else "<u2"))


@dataclass(frozen=True)
class Series:
    """Who was scanned, and by what. `name` tells series of one patient apart and seeds their UIDs.

    The file and instance number of the first slice is `first_instance`, so that a second acquisition of the
    same series can stand in the same folder. Of another `modality` than CT, values are not Hounsfield units.
    """

    patient: str = "PHANTOM"
    name: str = "chest"
    acquisition: int = 1
    first_instance: int = 1
    thickness_mm: float = 1.25
    body_part: str = "CHEST"
    manufacturer: str = "GE MEDICAL SYSTEMS"
    model: str = "LightSpeed VCT"
    kernel: str = "BONEPLUS"
    modality: str = "CT"
    description: str = ""
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")

    @property
    def uid(self) -> UID:
        """Series Instance UID."""
        return _uid("series", self.patient, self.name)


def write_series(
    folder: Path, hu: np.ndarray, grid: Grid, series: Series | None = None, encoding: Encoding | None = None
) -> list[Path]:
    """Write a volume (slices, rows, columns) in HU as `1.dcm` … `n.dcm`, making the folder; the files, in grid order.

    Raises ValueError where the volume is not on the grid.
    """
    if hu.shape != grid.volume_shape:
        raise ValueError(f"a volume of {hu.shape} cannot lie on a grid of {grid.volume_shape}")
    series, encoding = series or Series(), encoding or Encoding()
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{series.first_instance + index}.dcm" for index in range(len(hu))]
    picture = _header(series, encoding)
    for index, path in enumerate(paths):
        _complete(picture, hu[index], grid, index, series, encoding)
        picture.save_as(path, enforce_file_format=True)
    return paths


def write_slice(
    path: Path, hu: np.ndarray, grid: Grid, index: int, series: Series | None = None, encoding: Encoding | None = None
) -> None:
    """Write one slice (rows, columns), of any size, at position `index` of the grid.

    Its instance number is `series.first_instance + index`. Odd series are made slice by slice: a smaller picture
    in the middle of others, an acquisition number of its own, the same position twice.
    """
    series, encoding = series or Series(), encoding or Encoding()
    picture = _header(series, encoding)
    _complete(picture, hu, replace(grid, shape=(hu.shape[0], hu.shape[1])), index, series, encoding)
    picture.save_as(path, enforce_file_format=True)


def _header(series: Series, encoding: Encoding) -> Dataset:
    """What all slices of a series share: the tags of OSIC's files, and those that the standard asks for besides."""
    picture = Dataset()
    picture.SpecificCharacterSet = "ISO_IR 100"
    picture.ImageType = list(series.image_type)
    picture.SOPClassUID = STORAGE[series.modality]
    picture.StudyDate = picture.StudyTime = picture.AccessionNumber = picture.ReferringPhysicianName = ""
    picture.Modality = series.modality
    picture.Manufacturer, picture.ManufacturerModelName = series.manufacturer, series.model
    picture.PatientName = picture.PatientID = series.patient
    picture.PatientBirthDate = picture.PatientSex = ""
    picture.DeidentificationMethod = "Drawn, not scanned"
    picture.BodyPartExamined = series.body_part
    picture.SliceThickness = _ds(series.thickness_mm)
    if series.description:
        picture.SeriesDescription = series.description
    if series.modality == "CT":
        _add_exposure(picture, series)
    picture.PatientPosition = "HFS"
    picture.StudyInstanceUID = _uid("study", series.patient)
    picture.SeriesInstanceUID = series.uid
    picture.StudyID = picture.PatientOrientation = ""
    picture.SeriesNumber = "2"
    picture.AcquisitionNumber = str(series.acquisition)
    picture.FrameOfReferenceUID = _uid("frame", series.patient)
    picture.PositionReferenceIndicator = "SN"
    picture.SamplesPerPixel, picture.PhotometricInterpretation = 1, "MONOCHROME2"
    picture.BitsAllocated, picture.BitsStored, picture.HighBit = 16, encoding.bits_stored, encoding.bits_stored - 1
    picture.PixelRepresentation = int(encoding.signed)
    if encoding.padding is not None:
        picture.PixelPaddingValue = encoding.padding
    picture.RescaleIntercept, picture.RescaleSlope = _ds(encoding.intercept), _ds(encoding.slope)
    return picture


def _add_exposure(picture: Dataset, series: Series) -> None:
    """What only a CT scanner says."""
    picture.KVP = "120"
    picture.DistanceSourceToDetector, picture.DistanceSourceToPatient = "949.075012", "541.0"
    picture.TableHeight, picture.RotationDirection = "160.0", "CW"
    picture.XRayTubeCurrent, picture.GeneratorPower, picture.FocalSpots = "300", "36000", "0.7"
    picture.ConvolutionKernel = series.kernel
    picture.WindowCenter, picture.WindowWidth = "-500.0", "1500.0"
    picture.RescaleType = "HU"


def _complete(picture: Dataset, hu: np.ndarray, grid: Grid, index: int, series: Series, encoding: Encoding) -> None:
    """What makes a slice itself: its number, place and pixels."""
    number = series.first_instance + index
    picture.InstanceNumber = str(number)
    picture.SOPInstanceUID = _uid("image", series.patient, series.name, str(series.acquisition), str(number))
    _place(picture, grid, index)
    _fill(picture, encoding.stored(hu), encoding)


def _place(picture: Dataset, grid: Grid, index: int) -> None:
    origin = grid.origins[index]
    picture.Rows, picture.Columns = grid.shape
    picture.PixelSpacing = [_ds(mm) for mm in grid.pixel_mm]
    picture.ImagePositionPatient = [_ds(mm) for mm in origin]
    picture.ImageOrientationPatient = [_ds(cosine) for cosine in (*grid.right, *grid.down)]
    picture.SliceLocation = _ds(round(float(origin[2]), 4))
    picture.GantryDetectorTilt = _ds(round(grid.tilt_degrees, 4))


def _fill(picture: Dataset, stored: np.ndarray, encoding: Encoding) -> None:
    """Pixels in the transfer syntax, and the file's own header."""
    syntax = UID(encoding.transfer_syntax)
    if syntax in NATIVE:
        ordered = stored.astype(stored.dtype.newbyteorder(">")) if syntax == ExplicitVRBigEndian else stored
        picture.add_new("PixelData", "OW", ordered.tobytes())
    else:
        picture.add_new("PixelData", "OB", encapsulate(stored, encoding.bits_stored, syntax))
    picture.file_meta = FileMetaDataset()
    picture.file_meta.MediaStorageSOPClassUID = picture.SOPClassUID
    picture.file_meta.MediaStorageSOPInstanceUID = picture.SOPInstanceUID
    picture.file_meta.TransferSyntaxUID = syntax
    picture.file_meta.ImplementationClassUID = _uid("pulmo")
    picture.file_meta.ImplementationVersionName = "PULMO"


def _circle(shape: tuple[int, ...]) -> np.ndarray:
    """The field of view: the largest circle in the picture, (rows, columns) of bool."""
    row, column = (np.arange(n) - (n - 1) / 2 for n in shape)
    return np.asarray((row**2)[:, None] + column**2 <= (min(shape) / 2) ** 2)


def _uid(*text: str) -> UID:
    return generate_uid(entropy_srcs=list(text))


def _ds(number: float) -> str:
    """A DICOM decimal string, at most 16 characters."""
    return str(format_number_as_ds(float(number) + 0.0))
