"""X-rays are read by the suffix of their files, to the exact pixel; what is no grey X-ray is refused with a reason."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pulmo.errors import ScanError
from pulmo.phantom.radiograph_dicom import PatientHeader
from pulmo.radiographs.phantom import write_image
from pulmo.radiographs.reading import read_image

HEADER = PatientHeader("p", "50", "F", "PA", "0.143", "1.2.1", "1.2.2", "1.2.3")
GREY = (np.arange(48 * 64) % 251).astype(np.uint8).reshape(48, 64)


def test_eight_bit_png_is_read_as_it_is(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", GREY, HEADER)
    found = read_image(tmp_path / "a.png")
    assert found.grey.dtype == np.uint8
    assert (found.grey == GREY).all()
    assert (found.header.rows, found.header.columns) == GREY.shape
    assert found.header[:5] == (None,) * 5


def test_sixteen_bit_png_is_scaled_from_its_darkest_to_its_brightest_half_per_cent(tmp_path: Path) -> None:
    # 0, 10 … 2000 in steps of 10: 201 values, whose 0.5th percentile is 10 and 99.5th 1990.
    values = (10 * np.arange(201)).astype(np.uint16).reshape(3, 67)
    write_image(tmp_path / "a.png", values, HEADER)
    grey = read_image(tmp_path / "a.png").grey.ravel()
    assert grey[[0, 1, 199, 200]].tolist() == [0, 0, 255, 255]
    assert grey[100] == 128  # 990 / 1980 of 255 is 127.5, which rounds to even
    assert grey[67] == round((670 - 10) / 1980 * 255)
    assert (np.diff(grey.astype(int)) >= 0).all()


def test_jpeg_is_read_exactly_where_its_blocks_are_flat(tmp_path: Path) -> None:
    flat = np.kron(np.array([[8, 40, 128], [200, 248, 64]], np.uint8), np.ones((8, 8), np.uint8))
    Image.fromarray(flat).save(tmp_path / "a.jpg", quality=100)
    assert (read_image(tmp_path / "a.jpg").grey == flat).all()
    write_image(tmp_path / "b.jpeg", flat, HEADER)
    assert np.abs(read_image(tmp_path / "b.jpeg").grey.astype(int) - flat).max() <= 2


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_in_colour_channels_is_grey(tmp_path: Path, mode: str) -> None:
    Image.fromarray(GREY).convert(mode).save(tmp_path / "a.PNG")
    assert (read_image(tmp_path / "a.PNG").grey == GREY).all()


def test_a_grey_jpeg_in_colour_has_the_pixels_of_the_grey_one(tmp_path: Path) -> None:
    for name, mode in (("grey", "L"), ("colour", "RGB")):
        Image.fromarray(GREY).convert(mode).save(tmp_path / f"{name}.jpg", quality=95)
    assert (read_image(tmp_path / "grey.jpg").grey == read_image(tmp_path / "colour.jpg").grey).all()


def test_colour_is_refused(tmp_path: Path) -> None:
    channels = np.repeat(GREY[..., None], 3, axis=2)
    channels[5, 5] = (100, 103, 100)
    Image.fromarray(channels).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").grey[5, 5] == 103
    channels[5, 5] = (100, 104, 100)
    Image.fromarray(channels).save(tmp_path / "a.png")
    with pytest.raises(ScanError, match=r"a\.png: is in colour: its channels differ by up to 4 of 255 levels"):
        read_image(tmp_path / "a.png")


def test_dicom_has_its_header(tmp_path: Path) -> None:
    write_image(tmp_path / "a.dcm", GREY, HEADER)
    found = read_image(tmp_path / "a.dcm")
    assert (found.header.patient, found.header.view, found.header.age_years) == ("p", "PA", 50)
    assert np.abs(found.grey.astype(int) - GREY).mean() < 15  # a JPEG inside, of a saw tooth


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.dcm"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in (b"", b"This is no image.", None, "half"):
        if content is None:
            path.unlink()
        elif content == "half":
            write_image(path, GREY, HEADER)
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        else:
            assert isinstance(content, bytes)
            path.write_bytes(content)
        with pytest.raises(ScanError, match=name.replace(".", r"\.")):
            read_image(path)


def test_a_suffix_without_a_reader_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match=r"a\.bmp: has the suffix '\.bmp', for which there is no reader\. Give one of"):
        read_image(tmp_path / "a.bmp")
