"""Damaged files give pixels or one error with the file's name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
)

from pulmo.errors import ScanError
from pulmo.imaging.headers import header_table
from pulmo.imaging.pixels import read_pixels
from pulmo.imaging.radiograph import read_radiograph
from pulmo.imaging.reading import read_volume
from pulmo.imaging.slices import NotASliceError, read_slice_header
from tests.imaging.dicom_files import write_image

WORDS = np.random.default_rng(0).integers(0, 4096, (16, 16)).astype("u2")
SYNTAXES = (
    *(ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian),
    *(RLELossless, JPEGLosslessSV1, JPEG2000Lossless),
)
HUGE = (b"\xff\xff\xff\xff", b"\xfe\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x00\x00\x00\x00")


def whole_file(path: Path, syntax: str, preamble: bool = True) -> bytes:
    tags: dict[str, Any] = {"WindowCenter": "100", "WindowWidth": "200", "PixelPaddingValue": 0}
    whole = write_image(path, WORDS, 12, syntax=syntax, ImageType=["ORIGINAL", "PRIMARY"], **tags).read_bytes()
    return whole if preamble else whole[whole.index(b"\x08\x00\x08\x00") :]


def refused(read: Callable[[], np.ndarray]) -> str:
    """The message of an expected error; empty where pixels are read. Warnings are errors here."""
    try:
        assert read().size > 0
    except NotASliceError as reason:
        return str(reason)
    except ScanError as error:
        return str(error)
    return ""


def read_in_every_way(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    as_slice = refused(lambda: read_pixels(read_slice_header(path)))
    as_x_ray = refused(lambda: read_radiograph(path).grey)
    assert not as_x_ray or as_x_ray.startswith(str(path))
    if as_slice:
        assert as_x_ray
        assert as_slice.isprintable()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_truncated_anywhere(tmp_path: Path, syntax: str) -> None:
    whole, path = whole_file(tmp_path / "1.dcm", syntax), tmp_path / "cut.dcm"
    for end in [*range(128, 400, 5), *range(400, len(whole), 97)]:
        read_in_every_way(path, whole[:end])


def damaged(whole: bytes) -> Iterator[bytes]:
    random = np.random.default_rng(0)
    for place in range(128, min(len(whole), 1000), 11):
        flipped = bytearray(whole)
        flipped[place] ^= int(random.integers(1, 256))
        yield bytes(flipped)
        yield whole[:place] + HUGE[place % len(HUGE)] + whole[place + 4 :]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_bytes_changed_and_lengths_huge(tmp_path: Path, syntax: str) -> None:
    whole, path = whole_file(tmp_path / "1.dcm", syntax), tmp_path / "damaged.dcm"
    for data in damaged(whole):
        read_in_every_way(path, data)


def test_a_damaged_data_set_without_preamble(tmp_path: Path) -> None:
    whole, path = whole_file(tmp_path / "1.dcm", ImplicitVRLittleEndian, preamble=False), tmp_path / "damaged.dcm"
    for end in range(0, len(whole), 5):
        read_in_every_way(path, whole[:end])
        read_in_every_way(path, whole[:end] + b"\xff\xfe" + whole[end + 2 :])


@pytest.mark.parametrize("vr", [b"D\x04", b"\xff\xff", b"\0\0", b"Cs", b"OB", b"US"])
def test_a_damaged_type_in_the_header_table(tmp_path: Path, vr: bytes) -> None:
    """Its value is raw text, or the file has no row; other files are not affected."""
    whole = whole_file(tmp_path / "2.dcm", ExplicitVRLittleEndian)
    place = whole.index(b"\x08\x00\x60\x00CS") + 4
    (tmp_path / "1.dcm").write_bytes(whole[:place] + vr + whole[place + 2 :])
    table = header_table(tmp_path)
    assert table["file"].iloc[-1] == "2.dcm"
    assert table["Modality"].iloc[-1] == "CT"


def test_a_value_of_an_unknown_type_is_raw_text(tmp_path: Path) -> None:
    whole = whole_file(tmp_path / "1.dcm", ExplicitVRLittleEndian)
    (tmp_path / "1.dcm").write_bytes(whole.replace(b"\x28\x00\x50\x10DS", b"\x28\x00\x50\x10D\x04"))
    assert header_table(tmp_path)["WindowCenter"].tolist() == [100]


@pytest.mark.parametrize("end", [0, 100, 131, 140, 160, 400])
def test_a_slice_with_a_truncated_header_is_left_out_and_named(tmp_path: Path, end: int) -> None:
    for instance in range(1, 5):
        position = ["0", "0", str(5 * instance)]
        write_image(
            tmp_path / f"{instance}.dcm",
            WORDS,
            12,
            InstanceNumber=str(instance),
            ImagePositionPatient=position,
            ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        )
    first = tmp_path / "1.dcm"
    first.write_bytes(first.read_bytes()[:end])
    volume = read_volume(tmp_path)
    assert volume.hu.shape == (3, 16, 16)
    assert any(repair.startswith("1.dcm left out: ") for repair in volume.repairs)


def test_a_file_without_read_permission(tmp_path: Path) -> None:
    (tmp_path / "1.dcm").mkdir()
    with pytest.raises(NotASliceError, match=r"cannot be read \(Is a directory\)"):
        read_slice_header(tmp_path / "1.dcm")
    path = write_image(tmp_path / "2.dcm", WORDS, 12)
    header = read_slice_header(path)
    path.unlink()
    with pytest.raises(ScanError, match=r"2\.dcm: cannot be read \(No such file or directory\)"):
        read_pixels(header)
