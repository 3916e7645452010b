"""Files that are damaged between two runs: it is said, and they are made again; nothing goes on from them."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.errors import UserError
from pulmo.pipeline.runner import StageResult, run_stages
from pulmo.pipeline.stage import _saved_rows, load, save
from tests.pipeline.test_runner import make_run, run_in_process, skipped


@pytest.fixture
def results(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[StageResult]:
    return run_in_process(make_run(tmp_path), monkeypatch)


@pytest.mark.parametrize("manifest", [b"", b"{", b"[]", b"\0\0\0", b"\xff", b'{"stage": "total"}'])
def test_a_stage_with_a_damaged_manifest_is_made_again(
    manifest: bytes,
    results: list[StageResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (results[1].folder / "manifest.json").write_bytes(manifest)
    assert skipped(run_in_process(make_run(tmp_path), monkeypatch)) == [True, False, True]
    assert "manifest.json: it is damaged; square is made again" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "one byte", "within a folder"])
def test_a_damaged_output_is_made_again(
    damage: str,
    results: list[StageResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inside = damage == "within a folder"
    path = next((results[1].folder / "parts").iterdir()) if inside else next(results[1].folder.glob("squares*"))
    before = path.read_bytes()
    path.write_bytes(before[:-5] if damage == "cut" else bytes([before[0] ^ 1]) + before[1:])
    with pytest.raises(UserError, match=r"is damaged.*run the stage square"):
        list(run_stages(make_run(tmp_path, seed=1), [results[2].spec]))
    assert skipped(run_in_process(make_run(tmp_path), monkeypatch)) == [True, False, True]
    assert "is damaged, missing or changed; square is made again" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_outputs_copied_with_other_times_are_the_same(
    results: list[StageResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path / "work").rglob("*"):
        os.utime(path, (1, 1))
    assert skipped(run_in_process(make_run(tmp_path), monkeypatch)) == [True, True, True]


@pytest.mark.parametrize("value", [pd.DataFrame({"a": [1, 2]}), np.arange(100), {"a": 1}])
def test_a_damaged_file_is_told_by_its_name(value: pd.DataFrame | np.ndarray | dict, tmp_path: Path) -> None:
    save(tmp_path / "value", value)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for damaged in (b"", content[: len(content) // 2], b"\0" * len(content)):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="is damaged") as error:
            load(path)
        assert str(path) in str(error.value)


@pytest.mark.parametrize("rest", [b'["c", {"x"', b"\0\0\0\n", b'["c", {"x": 3}]', b"3\n", b"\xff\n"])
def test_saved_rows_end_where_the_damage_begins(rest: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    whole = b'["a", {"x": 1}]\n["b", {"x": 2}]\n'
    path.write_bytes(whole + rest)
    assert _saved_rows(path) == {"a": {"x": 1}, "b": {"x": 2}}
    assert path.read_bytes() == whole
