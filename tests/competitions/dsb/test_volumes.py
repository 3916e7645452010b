"""What is told of scans that were read, but not whole."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from pulmo.competitions.dsb.volumes import VolumeFormat, make_volumes
from pulmo.imaging.area_resample import Size
from pulmo.imaging.network_volume import LungFormat

TINY = VolumeFormat("CT", LungFormat(Size(1, 1, 1), ("mean",), False, False, 0.0, 0.0, 1.0))


@pytest.mark.parametrize(("count", "more"), [(0, ""), (1, ""), (20, ""), (23, "; and 3 more")])
def test_files_left_out_are_told_in_one_note(tmp_path: Path, count: int, more: str) -> None:
    names = [f"scan{number}" for number in range(30)]
    words = ["1.dcm left out: not a DICOM file"] * count + [""] * (29 - count) + [None]
    made = pd.DataFrame({"error": [None] * 29 + ["no DICOM"], "repairs": words}, index=pd.Index(names, name="key"))
    notes: list[str] = []
    stage: Any = SimpleNamespace(scratch=lambda name: tmp_path / name, note=notes.append, map_rows=lambda *_: made)
    with pytest.raises(FileNotFoundError):  # no volume has been made here
        make_volumes(stage, pd.DataFrame({"id": names, "folder": str(tmp_path)}), TINY)
    told = "; ".join(f"scan{number}: 1.dcm left out: not a DICOM file" for number in range(min(count, 20)))
    repaired = [f"{count} scan{'s' * (count > 1)} read with repairs: {told}{more}"] if count else []
    assert notes == ["The scan scan29 is left out: no DICOM", *repaired]


def test_a_note_names_the_folder_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    error = f"{tmp_path.resolve()}/stage1/a: holds no file"  # of a worker, which is given whole paths
    made = pd.DataFrame({"error": [error], "repairs": [""]}, index=pd.Index(["a"], name="key"))
    notes: list[str] = []
    stage: Any = SimpleNamespace(scratch=lambda name: tmp_path / name, note=notes.append, map_rows=lambda *_: made)
    make_volumes(stage, pd.DataFrame({"id": ["a"], "folder": "stage1/a"}), TINY)
    assert notes == ["The scan a is left out: stage1/a: holds no file"]
