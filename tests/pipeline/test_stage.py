"""A stage's access to the disk: declared inputs and outputs, checkpoints, notes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competition import StageSpec
from pulmo.errors import UserError
from pulmo.pipeline.stage import Stage, find_output, load


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    spec = StageSpec("square", "squares", reads=("features/numbers",), writes=("table", "values", "parts"))
    (tmp_path / "numbers.json").write_text("[1, 2]")
    (tmp_path / "square").mkdir()
    return Stage(spec, 0, tmp_path, {"features/numbers": tmp_path / "numbers.json"}, tmp_path / "square")


def test_only_what_is_declared_is_read_and_written(stage: Stage) -> None:
    assert stage.read("features/numbers") == [1, 2]
    with pytest.raises(LookupError, match="does not declare that it reads 'features/other'"):
        stage.input("features/other")
    for write in (
        lambda: stage.write("other", {}),
        lambda: stage.array("other", (1,), "f4"),
        lambda: stage.folder("other"),
        lambda: stage.write_csv("other", pd.DataFrame()),
    ):
        with pytest.raises(LookupError, match="does not declare that it writes 'other'"):
            write()
    assert list(stage.workspace.iterdir()) == []


def test_values_of_each_kind_come_back(stage: Stage) -> None:
    stage.write("table", pd.DataFrame({"a": [1, 2]}))
    stage.write("values", np.array([[1.5, 2.0]]))
    stage.write("parts", {"b": [1]})
    found = [find_output(stage.workspace, name) for name in ("table", "values", "parts")]
    assert [path.name for path in found if path] == ["table.parquet", "values.npy", "parts.json"]
    assert find_output(stage.workspace, "part") is None
    table, values, parts = (load(path) for path in found if path)
    assert (table["a"].tolist(), values.tolist(), parts) == ([1, 2], [[1.5, 2.0]], {"b": [1]})
    assert (stage.workspace / "parts.json").read_bytes() == b'{\n  "b": [\n    1\n  ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        stage.write("parts", {"b": float("nan")})
    (stage.workspace / "values.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(UserError, match=r"values\.npy: is damaged: it cannot be read .*Run the stage that wrote it"):
        load(stage.workspace / "values.npy")


def test_a_csv_has_no_index_and_unix_line_ends(stage: Stage) -> None:
    stage.write_csv("table", pd.DataFrame({"id": ["a"], "x": [0.5]}))
    assert (stage.workspace / "table.csv").read_bytes() == b"id,x\na,0.5\n"


def test_an_array_is_zero_at_first_and_outlives_a_kill(stage: Stage) -> None:
    path = stage.array("values", (2, 2), "f4")
    opened = np.load(path, mmap_mode="r+")
    assert (opened.tolist(), opened.dtype) == ([[0, 0], [0, 0]], np.float32)
    opened[0] = 3
    opened.flush()
    assert stage.array("values", (2, 2), "f4") == path
    assert np.load(path).tolist() == [[3, 3], [0, 0]]


def test_a_folder_is_empty_at_first_and_scratch_is_not(stage: Stage) -> None:
    for _ in range(2):
        folder, scratch = stage.folder("parts"), stage.scratch("fold")
        assert list(folder.iterdir()) == []
        (folder / "a").touch()
        (scratch / "a").touch()
    assert scratch == stage.checkpoint_folder("fold")


def test_a_checkpoint_is_made_once_and_whole(stage: Stage) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        stage.checkpoint("fold_0", fails)
    assert not stage.has_checkpoint("fold_0")
    folder = stage.checkpoint("fold_0", lambda folder: (folder / "whole").touch())
    assert stage.has_checkpoint("fold_0")
    assert [path.name for path in folder.iterdir()] == ["whole"]
    assert stage.checkpoint("fold_0", fails) == folder


def test_notes_are_kept_once_and_outlive_a_kill(stage: Stage) -> None:
    for note in ("first", "second", "first"):
        stage.note(note)
    again = Stage(stage.spec, 0, stage.data, stage.inputs, stage.workspace)
    assert again.notes == ["first", "second"]
    # A line cut by the kill is dropped from the file too, so that the next line stands by itself.
    path = stage.workspace / "checkpoints/notes.jsonl"
    with path.open("a") as file:
        file.write('"thi')
    cut = Stage(stage.spec, 0, stage.data, stage.inputs, stage.workspace)
    cut.note("third")
    assert [json.loads(line) for line in path.read_text().splitlines()][-1] == "third"
    assert Stage(stage.spec, 0, stage.data, stage.inputs, stage.workspace).notes == ["first", "second", "third"]
