"""Writes a phantom volume as a CT or MR series with a scanner's header; equal arguments give equal bytes."""

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

    `padding` is the Pixel Padding Value, the stored value of everything outside the circular field of view;
    None leaves the field of view square. Values outside the range of `bits_stored` are clipped.
    """

    intercept: float = -1024.0
    slope: float = 1.0
    signed: bool = False
    bits_stored: int = 16
    padding: int | None = None
    transfer_syntax: str = ExplicitVRLittleEndian

    @property
    def limits(self) -> tuple[int, int]:
        """(minimum, maximum) stored value."""
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
    """Patient, scanner and acquisition of a series. `name` separates series of one patient and seeds their UIDs.

    The file and instance number of the first slice is `first_instance`, so that a second acquisition of the
    same series can be written to the same folder. For a `modality` other than CT, values are not Hounsfield units.
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
    dataset = _header(series, encoding)
    for index, path in enumerate(paths):
        _complete(dataset, hu[index], grid, index, series, encoding)
        dataset.save_as(path, enforce_file_format=True)
    return paths


def write_slice(
    path: Path, hu: np.ndarray, grid: Grid, index: int, series: Series | None = None, encoding: Encoding | None = None
) -> None:
    """Write one slice (rows, columns), of any size, at position `index` of the grid.

    Its instance number is `series.first_instance + index`. Irregular series are written slice by slice: a slice of
    another size, with another acquisition number, at the same position as another.
    """
    series, encoding = series or Series(), encoding or Encoding()
    dataset = _header(series, encoding)
    _complete(dataset, hu, replace(grid, shape=(hu.shape[0], hu.shape[1])), index, series, encoding)
    dataset.save_as(path, enforce_file_format=True)


def _header(series: Series, encoding: Encoding) -> Dataset:
    """Tags common to all slices of a series: those of OSIC's files, and those that the standard requires."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = list(series.image_type)
    dataset.SOPClassUID = STORAGE[series.modality]
    dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.Modality = series.modality
    dataset.Manufacturer, dataset.ManufacturerModelName = series.manufacturer, series.model
    dataset.PatientName = dataset.PatientID = series.patient
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.DeidentificationMethod = "Drawn, not scanned"
    dataset.BodyPartExamined = series.body_part
    dataset.SliceThickness = _ds(series.thickness_mm)
    if series.description:
        dataset.SeriesDescription = series.description
    if series.modality == "CT":
        _add_exposure(dataset, series)
    dataset.PatientPosition = "HFS"
    dataset.StudyInstanceUID = _uid("study", series.patient)
    dataset.SeriesInstanceUID = series.uid
    dataset.StudyID = dataset.PatientOrientation = ""
    dataset.SeriesNumber = "2"
    dataset.AcquisitionNumber = str(series.acquisition)
    dataset.FrameOfReferenceUID = _uid("frame", series.patient)
    dataset.PositionReferenceIndicator = "SN"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, encoding.bits_stored, encoding.bits_stored - 1
    dataset.PixelRepresentation = int(encoding.signed)
    if encoding.padding is not None:
        dataset.PixelPaddingValue = encoding.padding
    dataset.RescaleIntercept, dataset.RescaleSlope = _ds(encoding.intercept), _ds(encoding.slope)
    return dataset


def _add_exposure(dataset: Dataset, series: Series) -> None:
    """Tags of CT only."""
    dataset.KVP = "120"
    dataset.DistanceSourceToDetector, dataset.DistanceSourceToPatient = "949.075012", "541.0"
    dataset.TableHeight, dataset.RotationDirection = "160.0", "CW"
    dataset.XRayTubeCurrent, dataset.GeneratorPower, dataset.FocalSpots = "300", "36000", "0.7"
    dataset.ConvolutionKernel = series.kernel
    dataset.WindowCenter, dataset.WindowWidth = "-500.0", "1500.0"
    dataset.RescaleType = "HU"


def _complete(dataset: Dataset, hu: np.ndarray, grid: Grid, index: int, series: Series, encoding: Encoding) -> None:
    """Tags of one slice: number, position and pixels."""
    number = series.first_instance + index
    dataset.InstanceNumber = str(number)
    dataset.SOPInstanceUID = _uid("image", series.patient, series.name, str(series.acquisition), str(number))
    _place(dataset, grid, index)
    _fill(dataset, encoding.stored(hu), encoding)


def _place(dataset: Dataset, grid: Grid, index: int) -> None:
    origin = grid.origins[index]
    dataset.Rows, dataset.Columns = grid.shape
    dataset.PixelSpacing = [_ds(mm) for mm in grid.pixel_mm]
    dataset.ImagePositionPatient = [_ds(mm) for mm in origin]
    dataset.ImageOrientationPatient = [_ds(cosine) for cosine in (*grid.right, *grid.down)]
    dataset.SliceLocation = _ds(round(float(origin[2]), 4))
    dataset.GantryDetectorTilt = _ds(round(grid.tilt_degrees, 4))


def _fill(dataset: Dataset, stored: np.ndarray, encoding: Encoding) -> None:
    """Pixels in the transfer syntax, and the file meta header."""
    syntax = UID(encoding.transfer_syntax)
    if syntax in NATIVE:
        ordered = stored.astype(stored.dtype.newbyteorder(">")) if syntax == ExplicitVRBigEndian else stored
        dataset.add_new("PixelData", "OW", ordered.tobytes())
    else:
        dataset.add_new("PixelData", "OB", encapsulate(stored, encoding.bits_stored, syntax))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.ImplementationClassUID = _uid("pulmo")
    dataset.file_meta.ImplementationVersionName = "PULMO"


def _circle(shape: tuple[int, ...]) -> np.ndarray:
    """The field of view: the largest circle in the image, bool (rows, columns)."""
    row, column = (np.arange(n) - (n - 1) / 2 for n in shape)
    return np.asarray((row**2)[:, None] + column**2 <= (min(shape) / 2) ** 2)


def _uid(*text: str) -> UID:
    return generate_uid(entropy_srcs=list(text))


def _ds(number: float) -> str:
    """A DICOM decimal string, at most 16 characters."""
    return str(format_number_as_ds(float(number) + 0.0))
