"""Series below a folder, and those that are not volumes."""

from pathlib import Path

import numpy as np
import pytest

from pulmo.imaging.listing import SeriesFolder, list_series
from pulmo.phantom.dicom import Series, write_series
from pulmo.phantom.geometry import axial, evenly
from tests.imaging.dicom_files import write_image

GRID = axial(evenly(4, 2.0), (12, 16), 1.0)


@pytest.mark.parametrize(
    ("name", "series", "reason"),
    [
        ("a", Series(modality="DX"), "an X-ray (DX)"),
        ("a", Series(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")), "a localizer"),
        ("a", Series(modality="MR", description="3-Plane SURVEY"), "a scout or survey (3-Plane SURVEY)"),
        ("1.000-Scout", Series(), "a scout or survey (1.000-Scout)"),
        ("a", Series(description="Topogram 0.6 T20f"), "a scout or survey (Topogram 0.6 T20f)"),
        ("a", Series(description="Chest PA"), "an X-ray (Chest PA)"),
        ("a", Series(description="CHEST LUNG 5.0 B50"), ""),
        ("T1_FFE", Series(modality="MR", description="T1-FFE"), ""),
    ],
)
def test_localizers_and_x_rays_are_recognized(tmp_path: Path, name: str, series: Series, reason: str) -> None:
    write_series(tmp_path / "study" / name, np.zeros(GRID.volume_shape), GRID, series)
    (found,) = list_series(tmp_path)
    assert (found.folder, found.exclusion) == (tmp_path / "study" / name, reason)
    assert (found.modality, found.patient) == (series.modality, "PHANTOM")


def test_folders_without_dicom_have_no_modality(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read me.txt").write_text("nothing")
    assert [series.modality for series in list_series(tmp_path)] == [""]


def test_a_folder_is_described_by_its_first_image(tmp_path: Path) -> None:
    """Not by a report before it, nor by a hidden file; by the report where there is no image."""
    words = np.zeros((4, 4), "u2")
    write_image(tmp_path / "1.dcm", words, 12, Rows=None, Modality="SR", PatientID="report", SeriesDescription="Scout")
    write_image(tmp_path / "2.dcm", words, 12, PatientID="second", SeriesDescription="Lung", SeriesInstanceUID="1.5")
    write_image(tmp_path / "3.dcm", words, 12, PatientID="third")
    write_image(tmp_path / "4.dcm", words, 12, Rows=None, Modality="SR", PatientID="another report")
    (tmp_path / "0.txt").write_text("no DICOM")
    write_image(tmp_path / ".0.dcm", words, 12, PatientID="hidden")
    assert list_series(tmp_path) == [SeriesFolder(tmp_path, "CT", "second", "1.5", "")]
    for name in ("2.dcm", "3.dcm"):
        (tmp_path / name).unlink()
    assert list_series(tmp_path) == [SeriesFolder(tmp_path, "SR", "report", "1.2.3", "a scout or survey (Scout)")]
    (tmp_path / "a").mkdir()
    write_image(tmp_path / "a/1.dcm", words, 12, Modality="", SOPClassUID="1.2.3", RescaleIntercept="0", PatientID="")
    assert [series.modality for series in list_series(tmp_path)] == ["SR", "unknown"]
