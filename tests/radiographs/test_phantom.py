"""Drawn X-rays as files."""

from pathlib import Path

import numpy as np
import pytest

from pulmo.phantom.radiograph_dicom import PatientHeader
from pulmo.radiographs.phantom import cut_short, write_image
from pulmo.radiographs.reading import read_image

HEADER = PatientHeader("p", "50", "F", "PA", "0.143", "1.2.1", "1.2.2", "1.2.3")
GREY = np.full((16, 24), 90, np.uint8)


def test_the_first_half_of_a_file_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abcdefg")
    cut_short(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"abc"


@pytest.mark.parametrize("suffix", [".dcm", ".jpg", ".jpeg", ".png"])
def test_an_image_is_written_in_the_format_of_its_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"folder/a{suffix}"
    write_image(path, GREY, HEADER)
    assert np.abs(read_image(path).grey.astype(int) - GREY).max() <= 1


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no writer for images with the suffix '\.tif'"):
        write_image(tmp_path / "a.tif", GREY, HEADER)
