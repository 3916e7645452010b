"""Writes a phantom X-ray as a DICOM file like the competitions': 8-bit JPEG, patient data in the header."""

from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import imagecodecs
import numpy as np
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, SecondaryCaptureImageStorage, generate_uid

from pulmo.phantom.thorax import Thorax

_JPEG_QUALITY = 90
_SPACINGS_MM, _SPACING_SHARES = ("0.143", "0.168", "0.139", "0.171", "0.194311"), (0.34, 0.33, 0.21, 0.07, 0.05)


class PatientHeader(NamedTuple):
    """Header values of patient and image; `age` and `pixel_spacing_mm` as text, unchecked."""

    patient: str
    age: str
    sex: str
    view: str
    pixel_spacing_mm: str
    study: str
    series: str
    image: str


def random_patient_header(thorax: Thorax, rng: np.random.Generator) -> PatientHeader:
    """A random header, distributed as in the competitions' files, for a patient named by a UUID."""
    name = str(UUID(bytes=rng.bytes(16), version=4))
    age = int(np.clip(np.rint(rng.normal(47, 17)), 2, 92))
    spacing_mm = str(rng.choice(_SPACINGS_MM, p=_SPACING_SHARES))
    sex = "M" if thorax.male else "F"
    uids = (generate_uid(entropy_srcs=[kind, name]) for kind in ("study", "series", "image"))
    return PatientHeader(name, str(age), sex, thorax.view, spacing_mm, *uids)


def write_radiograph(path: Path, grey: np.ndarray, header: PatientHeader) -> None:
    """Write uint8 (rows, columns) as JPEG baseline, making the folder; the same arguments give the same bytes."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, header.image
    dataset.StudyDate, dataset.StudyTime = "19010101", "000000.00"
    dataset.AccessionNumber = dataset.ReferringPhysicianName = dataset.StudyID = dataset.PatientOrientation = ""
    dataset.Modality, dataset.ConversionType, dataset.BodyPartExamined = "CR", "WSD", "CHEST"
    dataset.SeriesDescription = f"view: {header.view}"
    dataset.PatientName = dataset.PatientID = header.patient
    dataset.PatientBirthDate, dataset.PatientSex = "", header.sex
    # Kaggle's ages are plain numbers, which the standard, and so pydicom, does not allow.
    dataset.add(DataElement("PatientAge", "AS", header.age, validation_mode=config.IGNORE))
    dataset.ViewPosition = header.view
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = header.study, header.series
    dataset.SeriesNumber = dataset.InstanceNumber = "1"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = grey.shape
    dataset.PixelSpacing = [header.pixel_spacing_mm] * 2
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.LossyImageCompression, dataset.LossyImageCompressionMethod = "01", "ISO_10918_1"
    dataset.add_new("PixelData", "OB", encapsulate([imagecodecs.jpeg8_encode(grey, level=_JPEG_QUALITY)]))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = header.image
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.file_meta.ImplementationClassUID = generate_uid(entropy_srcs=["pulmo"])
    dataset.file_meta.ImplementationVersionName = "PULMO"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
