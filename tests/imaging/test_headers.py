"""The header table: one row per file."""

from pathlib import Path

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.imaging.headers import KEYWORDS, META_KEYWORDS, header_table
from pulmo.phantom.dicom import Encoding, write_series
from pulmo.phantom.geometry import axial, evenly


def test_one_row_per_file(tmp_path: Path) -> None:
    hu = np.zeros((3, 4, 6), np.int16)
    encoding = Encoding(intercept=-1024, signed=True, padding=-2000)
    write_series(tmp_path, hu, axial(evenly(3, 2.5), (4, 6), (0.5, 0.25)), None, encoding)
    (tmp_path / "notes.txt").write_text("no DICOM")
    table = header_table(tmp_path)
    assert table["file"].tolist() == ["1.dcm", "2.dcm", "3.dcm"]
    first = table.iloc[0]
    assert first["TransferSyntaxUID"] == "1.2.840.10008.1.2.1"
    assert first["Modality"] == "CT"
    assert first["ImageType"] == "ORIGINAL\\PRIMARY\\AXIAL"
    assert (first["Rows"], first["Columns"], first["BitsAllocated"]) == (4, 6, 16)
    assert (first["PixelSpacing_1"], first["PixelSpacing_2"]) == (0.5, 0.25)
    assert (first["PixelPaddingValue"], first["RescaleIntercept"], first["KVP"]) == (-2000, -1024, 120)
    np.testing.assert_allclose(table["ImagePositionPatient_3"], [-2.5, 0, 2.5])
    assert [first[f"ImageOrientationPatient_{n}"] for n in range(1, 7)] == [1, 0, 0, 0, 1, 0]


def test_every_tag_of_the_reports_figure(tmp_path: Path) -> None:
    hu = np.zeros((1, 4, 4), np.int16)
    write_series(tmp_path, hu, axial(evenly(1, 1.0), (4, 4), 1.0))
    columns = {str(column).split("_")[0] for column in header_table(tmp_path)}
    assert columns == {"file", *KEYWORDS, *META_KEYWORDS}


def test_no_dicom(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no DICOM")
    with pytest.raises(ScanError, match=r"holds no DICOM file. Give a folder of DICOM files"):
        header_table(tmp_path)
