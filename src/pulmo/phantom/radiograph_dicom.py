"""A drawn X-ray as a DICOM file like the competitions': 8-bit JPEG, the patient's data in the header."""

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
    """What the header says of patient and picture; `age` and `pixel_spacing_mm` as text, however odd."""

    patient: str
    age: str
    sex: str
    view: str
    pixel_spacing_mm: str
    study: str
    series: str
    image: str


def random_patient_header(thorax: Thorax, rng: np.random.Generator) -> PatientHeader:
    """Age and spacing as in the competitions' files, names as they have them."""
    name = str(UUID(bytes=rng.bytes(16), version=4))
    age = int(np.clip(np.rint(rng.normal(47, 17)), 2, 92))
    spacing_mm = str(rng.choice(_SPACINGS_MM, p=_SPACING_SHARES))
    sex = "M" if thorax.male else "F"
    uids = (generate_uid(entropy_srcs=[kind, name]) for kind in ("study", "series", "image"))
    return PatientHeader(name, str(age), sex, thorax.view, spacing_mm, *uids)


def write_radiograph(path: Path, grey: np.ndarray, sitter: PatientHeader) -> None:
    """Write uint8 (rows, columns) as JPEG baseline, making the folder; the same arguments give the same bytes."""
    picture = Dataset()
    picture.SpecificCharacterSet = "ISO_IR 100"
    picture.SOPClassUID, picture.SOPInstanceUID = SecondaryCaptureImageStorage, sitter.image
    picture.StudyDate, picture.StudyTime = "19010101", "000000.00"
    picture.AccessionNumber = picture.ReferringPhysicianName = picture.StudyID = picture.PatientOrientation = ""
    picture.Modality, picture.ConversionType, picture.BodyPartExamined = "CR", "WSD", "CHEST"
    picture.SeriesDescription = f"view: {sitter.view}"
    picture.PatientName = picture.PatientID = sitter.patient
    picture.PatientBirthDate, picture.PatientSex = "", sitter.sex
    # Kaggle's ages are plain numbers, which the standard (and so pydicom) does not know.
    picture.add(DataElement("PatientAge", "AS", sitter.age, validation_mode=config.IGNORE))
    picture.ViewPosition = sitter.view
    picture.StudyInstanceUID, picture.SeriesInstanceUID = sitter.study, sitter.series
    picture.SeriesNumber = picture.InstanceNumber = "1"
    picture.SamplesPerPixel, picture.PhotometricInterpretation = 1, "MONOCHROME2"
    picture.Rows, picture.Columns = grey.shape
    picture.PixelSpacing = [sitter.pixel_spacing_mm] * 2
    picture.BitsAllocated, picture.BitsStored, picture.HighBit, picture.PixelRepresentation = 8, 8, 7, 0
    picture.LossyImageCompression, picture.LossyImageCompressionMethod = "01", "ISO_10918_1"
    picture.add_new("PixelData", "OB", encapsulate([imagecodecs.jpeg8_encode(grey, level=_JPEG_QUALITY)]))
    picture.file_meta = FileMetaDataset()
    picture.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    picture.file_meta.MediaStorageSOPInstanceUID = sitter.image
    picture.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    picture.file_meta.ImplementationClassUID = generate_uid(entropy_srcs=["pulmo"])
    picture.file_meta.ImplementationVersionName = "PULMO"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save_as(path, enforce_file_format=True)
