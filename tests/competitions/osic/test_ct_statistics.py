from pathlib import Path

import numpy as np
import pytest

from pulmo.competition import StageSpec
from pulmo.competitions.osic import ct_statistics
from pulmo.competitions.osic.ct_statistics import measure_scans, read_published, without_statistics
from pulmo.competitions.osic.slices import ScanTask
from pulmo.errors import Fault, ScanError, UserError
from pulmo.imaging.lung_slices import SliceFormat
from pulmo.pipeline import stage as stage_module
from pulmo.pipeline.stage import Stage
from tests.support import map_here


def write(folder: Path, *lines: str) -> Path:
    path = folder / "statistics.csv"
    path.write_text("\n".join(lines))
    return path


def test_of_the_published_layout_the_volume_is_taken_and_less_than_a_litre_means_failed(tmp_path: Path) -> None:
    path = write(tmp_path, "Patient,Volume,Mean,Skew,Kurthosis", "A,3500,90,1,4", "B,0,0,0,-3", "D,40,90,1,4")
    statistics = read_published(path)
    assert statistics.columns.tolist() == ["lung_litres"]
    assert statistics.index.tolist() == ["A", "B", "D"]
    np.testing.assert_array_equal(statistics["lung_litres"], [3.5, np.nan, np.nan])
    assert without_statistics(statistics, ["lung_litres"], ["C", "B", "A"]) == ["C", "B"]


def test_of_another_layout_every_numeric_column_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path, "Patient,scanner,fibrosis", "A,GE,0.5", "B,Philips,")
    statistics = read_published(path)
    assert statistics.columns.tolist() == ["fibrosis"]
    np.testing.assert_array_equal(statistics["fibrosis"], [0.5, np.nan])


def test_faults_of_published_statistics_are_all_named(tmp_path: Path) -> None:
    path = write(tmp_path, "Patient,fibrosis", "A,0.5", "A,0.6", "B,half")
    with pytest.raises(UserError) as caught:
        read_published(path)
    assert [fault.where for fault in caught.value.faults] == [f"{path}, row 3, Patient", f"{path}, row 4, fibrosis"]


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (("fibrosis,Patient", "1,A"), "its first column is 'fibrosis'"),
        (("Patient,scanner", "A,GE"), "has no column of numbers"),
        (("Name,fibrosis", "A,1"), "has no column 'Patient'"),
    ],
)
def test_a_layout_that_cannot_be_read_is_refused(tmp_path: Path, lines: tuple[str, ...], what: str) -> None:
    with pytest.raises(UserError, match=what):
        read_published(write(tmp_path, *lines))


def test_a_scan_that_cannot_be_read_is_named_and_the_patient_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(task: ScanTask) -> dict[str, float]:
        if task.folder.name == "B":
            raise ScanError(Fault("B", "holds no DICOM file", "Download it again"))
        np.save(task.slices, np.full((2, 16, 16), -700, np.int16))
        return {"lung_litres": 0.04 if task.folder.name == "D" else 4.0, "hu_mean": -700.0}

    monkeypatch.setattr(stage_module, "map_items", map_here)
    monkeypatch.setattr(ct_statistics, "measure_scan", measure)
    (tmp_path / "checkpoints").mkdir()
    stage = Stage(StageSpec("features", ""), 0, tmp_path, {}, tmp_path)
    folders, wanted = {name: tmp_path / name for name in "ABD"}, SliceFormat(2, 16, 300.0)
    measured, slices = measure_scans(stage, folders, ["C", "B", "A", "D"], wanted)
    assert measured.index.tolist() == ["C", "B", "A", "D"]
    np.testing.assert_array_equal(measured["lung_litres"], [np.nan, np.nan, 4.0, np.nan])
    np.testing.assert_array_equal(measured["hu_mean"], [np.nan, np.nan, -700.0, np.nan])
    assert slices.patients == ["A"]
    assert (slices.hu == np.full((1, 2, 16, 16), -700)).all()
    assert stage.notes == [
        "The scan of D is left out, the tables are used: its lungs were not found",
        "The scan of B is left out, the tables are used: B: holds no DICOM file. Download it again.",
        f"1 patient (C) without a scan folder below {tmp_path}: the tables are used",
    ]
