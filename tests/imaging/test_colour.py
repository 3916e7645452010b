"""Grey X-rays stored in colour have the pixels of the grey ones; what is in colour is refused with a reason."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from pulmo.errors import ScanError
from pulmo.imaging.radiograph import read_radiograph, read_radiograph_header

GREY = np.kron(np.array([[8, 40, 128, 16], [200, 248, 64, 96]], np.uint8), np.ones((8, 8), np.uint8))
"""Blocks of JPEG's size, which it keeps exactly."""


def write(path: Path, channels: np.ndarray, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> Path:
    """A secondary capture of channels (rows, columns[, 3]) of 8 bits; `tags` by DICOM keyword, `frame` its code."""
    frame = tags.pop("frame", None)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    dataset.PatientID, dataset.Modality = "p", "DX"
    dataset.Rows, dataset.Columns = channels.shape[:2]
    dataset.SamplesPerPixel = 1 if channels.ndim == 2 else 3
    dataset.PhotometricInterpretation = "RGB"
    if channels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * channels.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRLittleEndian:
        dataset.add_new("PixelData", "OB" if channels.itemsize == 1 else "OW", channels.tobytes())
    elif frame is not None:
        dataset.add_new("PixelData", "OB", encapsulate([frame]))
    else:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.PixelData = channels.tobytes()
        dataset.compress(syntax)
    dataset.save_as(path, enforce_file_format=True)
    return path


def in_colour(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def palette(levels: np.ndarray, bits: int = 8, blue: int = 0) -> dict[str, Any]:
    """Tags of a palette whose entry n is `levels[n]` in all channels, and `blue` more in the blue one."""
    colours = ("Red", "Green", "Blue")
    words = {colour: levels + (blue if colour == "Blue" else 0) for colour in colours}
    return {
        "PhotometricInterpretation": "PALETTE COLOR",
        **{f"{colour}PaletteColorLookupTableDescriptor": [len(levels), 0, bits] for colour in colours},
        **{
            f"{colour}PaletteColorLookupTableData": words[colour].astype(f"<u{bits // 8}").tobytes()
            for colour in colours
        },
    }


def test_rgb_uncompressed_and_without_loss(tmp_path: Path) -> None:
    for name, tags in {
        "plain": {},
        "planes": {"PlanarConfiguration": 1},
        "rle": {"syntax": RLELossless},
        "j2k": {
            "syntax": JPEG2000Lossless,
            "frame": bytes(imagecodecs.jpeg2k_encode(in_colour(GREY), level=0, codecformat="j2k", mct=False)),
        },
    }.items():
        channels = in_colour(GREY)
        stored = channels if name != "planes" else np.ascontiguousarray(channels.transpose(2, 0, 1)).reshape(16, 32, 3)
        found = read_radiograph(write(tmp_path / f"{name}.dcm", stored, **tags))
        np.testing.assert_array_equal(found.grey, GREY, err_msg=name)
        assert (found.header.patient, found.header.rows, found.header.columns) == ("p", 16, 32)
        assert read_radiograph_header(tmp_path / f"{name}.dcm") == found.header


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL"])
def test_a_colour_jpeg(tmp_path: Path, photometric: str) -> None:
    frame = bytes(imagecodecs.jpeg8_encode(in_colour(GREY), level=95))
    tags = {"PhotometricInterpretation": photometric, "frame": frame}
    found = read_radiograph(write(tmp_path / "a.dcm", in_colour(GREY), JPEGBaseline8Bit, **tags)).grey
    assert np.abs(found.astype(int) - GREY).max() <= 2


def test_ybr_uncompressed(tmp_path: Path) -> None:
    """Without colour, the luminance Y is the grey level, and both chrominances are 128."""
    channels = np.stack([GREY, np.full_like(GREY, 128), np.full_like(GREY, 128)], axis=2)
    path = write(tmp_path / "a.dcm", channels, PhotometricInterpretation="YBR_FULL")
    np.testing.assert_array_equal(read_radiograph(path).grey, GREY)


def test_a_palette_of_greys(tmp_path: Path) -> None:
    index = np.array([[0, 1, 2], [3, 2, 1]], np.uint8)
    levels = np.array([250, 7, 100, 31])
    expected = [[250, 7, 100], [31, 100, 7]]
    assert read_radiograph(write(tmp_path / "8.dcm", index, **palette(levels))).grey.tolist() == expected
    wide = palette(256 * levels + 200, bits=16)  # of which the upper byte is shown
    assert read_radiograph(write(tmp_path / "16.dcm", index, **wide)).grey.tolist() == expected


def test_colour_is_refused(tmp_path: Path) -> None:
    channels = in_colour(GREY)
    channels[3, 4] = (100, 103, 100)
    assert read_radiograph(write(tmp_path / "a.dcm", channels)).grey[3, 4] == 103
    channels[3, 4] = (100, 104, 100)
    words = r"\.dcm: is in colour: its channels differ by up to 4 of 255 levels\. Give a grey X-ray"
    with pytest.raises(ScanError, match=words):
        read_radiograph(write(tmp_path / "a.dcm", channels))
    index = np.zeros((2, 2), np.uint8)
    with pytest.raises(ScanError, match=words):
        read_radiograph(write(tmp_path / "b.dcm", index, **palette(np.array([7, 9]), blue=4)))


def test_more_than_eight_bits_and_several_frames_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", in_colour(GREY).astype(np.uint16))
    with pytest.raises(ScanError, match=r"a colour image \(RGB\) of uint16 \(16, 32, 3\), not one of 8 bits"):
        read_radiograph(path)
    path = write(tmp_path / "b.dcm", in_colour(GREY), NumberOfFrames="2", Rows=8)
    with pytest.raises(ScanError, match=r"a colour image \(RGB\) of uint8 \(2, 8, 32, 3\)"):
        read_radiograph(path)


def test_a_colour_image_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", in_colour(GREY))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ScanError, match=r"a colour image \(RGB\) that cannot be decoded: "):
        read_radiograph(path)
