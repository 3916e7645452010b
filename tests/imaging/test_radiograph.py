"""Reading of X-rays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from pulmo.errors import ScanError
from pulmo.imaging.radiograph import equalize_clahe, read_radiograph, read_radiograph_header, resized, to_uint8
from tests.imaging.dicom_files import write_image

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def write(path: Path, stored: np.ndarray, bits: int, /, jpeg: bool = False, **tags: Any) -> Path:
    """A minimal X-ray; `tags` by DICOM keyword."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * stored.itemsize, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    if jpeg:
        dataset.add_new("PixelData", "OB", encapsulate([imagecodecs.jpeg8_encode(stored, level=95)]))
    else:
        dataset.add_new("PixelData", "OW", stored.tobytes())
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_eight_bits_are_unchanged(tmp_path: Path) -> None:
    stored = np.arange(6 * 4, dtype=np.uint8).reshape(6, 4)
    found = read_radiograph(write(tmp_path / "1.dcm", stored, 8)).grey
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, stored)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    stored = np.array([[0, 1], [200, 255]], np.uint8)
    path = write(tmp_path / "1.dcm", stored, 8, PhotometricInterpretation="MONOCHROME1")
    assert read_radiograph(path).grey.tolist() == [[255, 254], [55, 0]]


def test_jpeg(tmp_path: Path) -> None:
    row, column = np.mgrid[:64, :48]
    stored = (2 * row + column).astype(np.uint8)
    found = read_radiograph(write(tmp_path / "1.dcm", stored, 8, jpeg=True))
    assert np.abs(found.grey.astype(int) - stored).max() <= 2
    assert (found.header.rows, found.header.columns) == (64, 48)


def test_a_window_by_hand(tmp_path: Path) -> None:
    """Centre 1000.5 and width 511: black up to 745, white from 1255, by the standard's formula."""
    stored = np.array([[0, 745, 1000, 1255, 1100, 800]], np.uint16)
    path = write(tmp_path / "1.dcm", stored, 12, WindowCenter="1000.5", WindowWidth="511")
    assert read_radiograph(path).grey.tolist() == [[0, 0, 128, 255, 178, 28]]


def test_a_window_counts_in_rescaled_values(tmp_path: Path) -> None:
    """Black up to −3000 + 2 · 745 = −1510, white from −3000 + 2 · 1255 = −490; the first of two windows."""
    stored = np.array([[0, 745, 1000, 1255, 1100, 800]], np.uint16)
    window: dict[str, Any] = {"WindowCenter": ["-999.5", "1"], "WindowWidth": ["1021", "9"]}
    path = write(tmp_path / "1.dcm", stored, 12, RescaleSlope="2", RescaleIntercept="-3000", **window)
    assert read_radiograph(path).grey.tolist() == [[0, 0, 128, 255, 178, 28]]


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"WindowCenter": "50", "WindowWidth": "9"},
        {"WindowCenter": "9"},
        {"WindowCenter": "2048", "WindowWidth": "1"},
        {"WindowCenter": "2048", "WindowWidth": "1e9"},  # wider than any values: all would be one grey
    ],
)
def test_without_a_usable_window_percentiles_are_used(tmp_path: Path, window: dict[str, Any]) -> None:
    stored = RAMP.repeat(32, axis=0).repeat(32, axis=1)
    stored[:4, :4] = 65535  # a metal marker
    found = read_radiograph(write(tmp_path / "1.dcm", stored, 16, **window)).grey
    assert np.abs(found[::32, ::32].ravel()[1:].astype(int) - np.arange(1, 256)).max() <= 2
    assert found[0, 0] == 255


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_widen_the_range(tmp_path: Path, photometric: str) -> None:
    stored = RAMP.astype(np.int16).repeat(8, axis=0).repeat(8, axis=1)
    stored[:, :40] = -2000
    path = write(tmp_path / "1.dcm", stored, 16, PhotometricInterpretation=photometric, PixelPaddingValue=-2000)
    found = read_radiograph(path).grey
    assert (found[:, :40] == 0).all()
    bright, dark = (255, 0) if photometric == "MONOCHROME2" else (0, 255)
    assert abs(int(found[-1, -1]) - bright) <= 1
    assert abs(int(found[0, 40]) - dark) <= 10


def test_the_least_contrast_is_a_millionth() -> None:
    assert to_uint8(np.array([0.0, 1e-6], np.float32), 0.0, 1e-6).tolist() == [0, 255]
    assert to_uint8(np.array([0.0, 1e-7], np.float32), 0.0, 1e-7).tolist() == [0, 26]


def test_a_constant_image_is_black(tmp_path: Path) -> None:
    assert (read_radiograph(write(tmp_path / "1.dcm", np.full((8, 8), 700, np.uint16), 12)).grey == 0).all()


@pytest.mark.parametrize(
    ("age", "years"),
    [("058Y", 58), ("58", 58), ("148", 148), ("018M", 1.5), ("014D", 14 / 365.25), ("052W", 364 / 365.25)],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR AS:UserWarning")
def test_ages(tmp_path: Path, age: str, years: float) -> None:
    path = write(tmp_path / "1.dcm", RAMP, 12, PatientAge=age)
    assert read_radiograph_header(path).age_years == pytest.approx(years)


@pytest.mark.parametrize("age", ["", "Y", "nan", "old", "12X"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR AS:UserWarning")
def test_invalid_ages(tmp_path: Path, age: str) -> None:
    assert read_radiograph_header(write(tmp_path / "1.dcm", RAMP, 12, PatientAge=age)).age_years is None


def test_the_header(tmp_path: Path) -> None:
    who: dict[str, Any] = {"PatientID": "A1", "PatientSex": "F", "PatientAge": "030Y"}
    how: dict[str, Any] = {"ViewPosition": "AP", "Modality": "CR", "PixelSpacing": ["0.2", "0.1"]}
    what: dict[str, Any] = {"BodyPartExamined": "CHEST", "PatientOrientation": ["L", "F"]}
    path = write(tmp_path / "1.dcm", RAMP[:8], 12, **who, **how, **what)
    assert read_radiograph(path).header == ("A1", 30.0, "F", "AP", "CR", 8, 16, (0.2, 0.1), "CHEST", "L\\F")
    assert read_radiograph_header(path) == read_radiograph(path).header
    bare = read_radiograph_header(write(tmp_path / "2.dcm", RAMP, 12))
    assert bare == (None, None, None, None, None, 16, 16, None, None, None)


def test_the_spacing_at_the_detector_serves_where_there_is_no_other(tmp_path: Path) -> None:
    path = write(tmp_path / "1.dcm", RAMP, 12, ImagerPixelSpacing=["0.3", "0.15"])
    assert read_radiograph_header(path).pixel_spacing_mm == (0.3, 0.15)
    path = write(tmp_path / "2.dcm", RAMP, 12, ImagerPixelSpacing=["0.3", "0.15"], PixelSpacing=["0.2", "0.1"])
    assert read_radiograph_header(path).pixel_spacing_mm == (0.2, 0.1)
    path = write(tmp_path / "3.dcm", RAMP, 12, ImagerPixelSpacing=["0", "0.15"])
    assert read_radiograph_header(path).pixel_spacing_mm is None


FAULTS = ("not a DICOM file", "truncated", "a colour image", "several frames", "cannot be read")


def broken(path: Path) -> dict[str, Callable[[], object]]:
    write(path, RAMP, 12)
    whole = path.read_bytes()
    return {
        "not a DICOM file": lambda: path.write_text("This is not a DICOM file."),
        "truncated": lambda: path.write_bytes(whole[:-100]),
        "a colour image": lambda: write(path, RAMP, 12, SamplesPerPixel=3),
        "several frames": lambda: write(path, RAMP, 12, NumberOfFrames="4"),
        "cannot be read": path.unlink,
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_broken_files_are_named_with_a_remedy(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "1.dcm"
    broken(path)[fault]()
    with pytest.raises(ScanError, match=fault) as caught:
        read_radiograph(path)
    assert caught.value.faults[0].where == str(path)
    assert caught.value.faults[0].remedy


def test_a_truncated_jpeg(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = write(tmp_path / "1.dcm", stored, 8, jpeg=True)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(ScanError, match="truncated"):
        read_radiograph(path)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize(("signed", "high_bit"), [(False, 11), (True, 11), (False, 15)])
def test_only_stored_bits_are_used(tmp_path: Path, syntax: str, signed: bool, high_bit: int) -> None:
    """An overlay in the other bits, and a sign that is not extended, change nothing."""
    values = RAMP.astype(np.int16) - (2048 if signed else 0)
    own = (values & 0x0FFF).astype(np.uint16) << (high_bit - 11)
    overlay = np.random.default_rng(0).integers(0, 16, RAMP.shape).astype(np.uint16) << (12 if high_bit == 11 else 0)
    words = (own | overlay).view(np.int16 if signed else np.uint16)
    window = {"WindowCenter": str(2048.5 - 2048 * signed), "WindowWidth": "4096", "Modality": "DX"}
    plain = write_image(tmp_path / "1.dcm", values.astype(words.dtype), 16, **window)
    odd = write_image(tmp_path / "2.dcm", words, 12, syntax=syntax, HighBit=high_bit, **window)
    np.testing.assert_array_equal(read_radiograph(odd).grey, read_radiograph(plain).grey)


def test_padding_of_twelve_bits_is_black_in_either_form(tmp_path: Path) -> None:
    """−2000 of 12 bits stands as 0x0830 in the pixels, 2096 or −2000 in the tag."""
    stored = RAMP.astype(np.int16).repeat(8, axis=0).repeat(8, axis=1) // 2
    stored[:, :40] = 0x0830
    for tag in (-2000, 0x0830):
        path = write_image(tmp_path / "1.dcm", stored, 12, PixelPaddingValue=tag, Modality="DX")
        found = read_radiograph(path).grey
        assert (found[:, :40] == 0).all()
        assert found[-1, -1] >= 254


def test_eight_bits_allocated_sixteen_are_unchanged(tmp_path: Path) -> None:
    row, column = np.mgrid[:64, :48]
    stored = (2 * row + column).astype(np.uint8)
    frame = bytes(imagecodecs.jpeg8_encode(stored, level=95))
    path = write_image(tmp_path / "1.dcm", stored.astype("u2"), 8, syntax=JPEGBaseline8Bit, frame=frame)
    assert np.abs(read_radiograph(path).grey.astype(int) - stored).max() <= 2


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"PhotometricInterpretation": "PALETTE COLOR"}, r"a colour image \(PALETTE COLOR\)"),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 1}, r"a colour .*RGB"),
        ({"NumberOfFrames": "3"}, r"several frames in one file \(3\): split it into one file per slice"),
        ({"BitsAllocated": 8, "BitsStored": 8}, r"its pixel data has 512 bytes, but 16 × 16 pixels take 256"),
    ],
)
def test_pixels_other_than_grey_levels_are_refused(tmp_path: Path, tags: dict[str, Any], reason: str) -> None:
    path = write_image(tmp_path / "1.dcm", RAMP, 12, **tags)
    with pytest.raises(ScanError, match=reason):
        read_radiograph(path)


def test_implausible_rescaling_is_reported(tmp_path: Path) -> None:
    path = write_image(tmp_path / "1.dcm", RAMP, 12, Modality="DX")
    path.write_bytes(path.read_bytes().replace(b"(\0\x53\x10DS\x02\x001 ", b"(\0\x53\x10DS\x02\x00,5"))
    with pytest.raises(ScanError, match=r"RescaleSlope is ',5'"):
        read_radiograph(path)


@pytest.mark.parametrize("width", ["1e300", "3.4E+38", "1e12"])
def test_an_implausible_window_gives_the_percentile_range(tmp_path: Path, width: str) -> None:
    stored = RAMP.repeat(32, axis=0).repeat(32, axis=1)
    path = write_image(tmp_path / "1.dcm", stored, 12, WindowCenter="0", WindowWidth=width, Modality="DX")
    assert np.ptp(read_radiograph(path).grey) == 255


def test_downsampling_averages() -> None:
    grey = np.array([[0, 10, 4, 4], [20, 30, 4, 4], [100, 100, 8, 0], [100, 100, 0, 8]], np.uint8)
    assert resized(grey, 2).tolist() == [[15, 4], [100, 4]]
    # Twice as wide as high: two columns become one, rows stay.
    assert resized(grey[:2], 2).tolist() == [[5, 4], [25, 4]]
    assert resized(grey, 4).tolist() == grey.tolist()
    assert resized(grey[:2, :2], 6).shape == (6, 6)
    assert resized(grey.astype(np.float32) / 8, 2).tolist() == [[1.875, 0.5], [12.5, 0.5]]


REAL = (
    "siim-acr-pneumothorax-segmentation/dicom-images-train",
    "rsna-pneumonia-detection-challenge/stage_2_train_images",
    "covid-chest-xray/images",
)
HEADER_TAGS = ["Modality", "PatientID", "PatientSex", "PatientAge", "ViewPosition", "PixelSpacing", "Rows", "Columns"]


@pytest.mark.parametrize("name", REAL)
def test_real_radiographs(real_scan: Callable[[str], Path], name: str) -> None:
    paths = sorted(real_scan(name).rglob("*.dcm"))
    assert paths
    for path in paths[:: max(1, len(paths) // 8)]:
        found = read_radiograph(path)
        assert found.grey.shape == (1024, 1024)
        assert found.grey.std() > 25
        np.testing.assert_array_equal(found.grey, pydicom.dcmread(path).pixel_array)
        # Bones and belly are brighter than the lungs in a doctor's view.
        assert found.grey[256:768, 480:544].mean() > found.grey[256:640, 200:350].mean()
    for path in paths:
        header, oracle = read_radiograph_header(path), pydicom.dcmread(path, specific_tags=HEADER_TAGS)
        texts = {tag: str(oracle.get(tag) or "") or None for tag in HEADER_TAGS[:5]}
        assert (header.modality, header.patient, header.sex, header.view) == (
            texts["Modality"],
            texts["PatientID"],
            texts["PatientSex"],
            texts["ViewPosition"],
        )
        age = texts["PatientAge"]
        assert header.age_years == (int(age.rstrip("Y")) if age else None)
        assert header.pixel_spacing_mm == (tuple(map(float, oracle.PixelSpacing)) if "PixelSpacing" in oracle else None)
        assert (header.rows, header.columns) == (oracle.Rows, oracle.Columns)


def test_clahe_raises_contrast_in_dark_parts() -> None:
    rng = np.random.default_rng(0)
    grey = np.full((128, 128), 200, np.uint8)
    grey[:64] = 40 + rng.integers(0, 8, (64, 128))
    grey[16:48, 32:96] += 4
    even = equalize_clahe(grey, 3.0).astype(float)
    assert even.shape == grey.shape
    inside, outside = even[16:48, 32:96].mean(), even[16:48, :32].mean()
    assert inside - outside > 2 * 4
    assert even[90:].mean() > inside


@pytest.mark.parametrize(("outside", "by_window"), [(2, True), (3, False)])
def test_a_window_that_leaves_out_more_than_half_is_not_used(tmp_path: Path, outside: int, by_window: bool) -> None:
    """Of the four pixels in every fourth row and column; the limits, 745 and 1255, count as outside."""
    stored = np.full((8, 8), 1100, np.uint16)
    stored[0, 0], stored[0, 4], stored[4, 0] = 745, 1255, 1255 if outside == 3 else 1000
    path = write(tmp_path / "1.dcm", stored, 12, WindowCenter="1000.5", WindowWidth="511")
    assert (read_radiograph(path).grey[1, 1] == 178) == by_window


def test_the_sample_for_percentiles_has_every_fourth_row_and_column(tmp_path: Path) -> None:
    """2000 and 3000 in it, and anything elsewhere."""
    stored = np.full((8, 8), 100, np.uint16)
    stored[::4, ::4] = [[2000, 3000], [2000, 3000]]
    stored[1, 1], stored[2, 2], stored[3, 3] = 2500, 4000, 2000
    grey = read_radiograph(write(tmp_path / "1.dcm", stored, 12)).grey
    assert grey[[1, 2, 3, 0], [1, 2, 3, 1]].tolist() == [128, 255, 0, 0]
    assert grey[0, 4] == 255
