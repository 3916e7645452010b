import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competition import StageSpec, find_competition
from pulmo.errors import DivergedError, Fault, UserError
from pulmo.pipeline.manifest import load_manifest
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run, StageResult, output, run_stages
from pulmo.pipeline.settings import load_settings
from pulmo.pipeline.stage import Stage, load
from tests.support import map_here

NUMBERS = "number\n3\n1\n2\n"


def make_run(folder: Path, *overrides: str, seed: int = 0) -> Run:
    competition = find_competition("toy")
    config = (folder / "packages/toy/config.toml").read_text()
    settings = load_settings(competition.settings, config, overrides=overrides)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    if not (data / "numbers.csv").exists():
        (data / "numbers.csv").write_text(NUMBERS)
    return Run(competition, RunPaths.of("toy", "full", data, folder / "work", folder / "out"), settings, seed)


def run_in_process(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[StageResult]:
    """Run all stages; scans in this process, since workers of a pool do not see the toy's folder."""
    monkeypatch.setattr("pulmo.pipeline.stage.map_items", map_here)
    return list(run_stages(run, run.competition.stages))


@pytest.fixture
def results(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[StageResult]:
    return run_in_process(make_run(tmp_path), monkeypatch)


def skipped(results: list[StageResult]) -> list[bool]:
    return [result.skipped for result in results]


def test_a_folder_is_all_a_competition_needs(toy: Path) -> None:
    assert find_competition("toy").title == "Sums of squares"


def test_stages_hand_on_their_outputs(results: list[StageResult]) -> None:
    assert json.loads((results[2].folder / "total.json").read_text()) == {
        "total": 9 + 1 + 4,
        "parts": ["1.txt", "2.txt", "3.txt"],
    }


def test_the_manifest_says_what_went_in_and_what_came_out(results: list[StageResult]) -> None:
    manifest = load_manifest(results[1].folder)
    assert manifest is not None
    assert set(manifest.inputs) == {"features/numbers"}
    assert set(manifest.outputs) == {"squares", "parts"}
    assert manifest.settings == {"power": 2, "slowness": 0.0}
    assert manifest.notes == ("squared",)
    assert not list(results[1].folder.glob("checkpoints"))


def test_unchanged_stages_are_skipped(
    results: list[StageResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert skipped(results) == [False, False, False]
    assert skipped(run_in_process(make_run(tmp_path), monkeypatch)) == [True, True, True]
    assert "damaged" not in capsys.readouterr().err


def test_what_a_manifest_vouches_for_is_not_read_again(
    results: list[StageResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> str:
        raise AssertionError(f"{path} is read")

    monkeypatch.setattr("pulmo.pipeline.runner.digest_output", read)
    assert skipped(run_in_process(make_run(tmp_path), monkeypatch)) == [True, True, True]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("setting", [True, False, False]),
        ("seed", [False, False, False]),
        ("data", [False, False, False]),
        ("same bytes out", [False, True, True]),
        ("code", [True, True, False]),
        ("lost output", [True, True, False]),
    ],
)
def test_only_what_a_change_reaches_is_done_again(
    change: str,
    expected: list[bool],
    results: list[StageResult],
    toy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pulmo.pipeline import fingerprint

    overrides = ["square.power=3"] if change == "setting" else []
    if change == "data":
        (tmp_path / "data/numbers.csv").write_text("number\n5\n")
    if change == "same bytes out":
        (tmp_path / "data/numbers.csv").write_text("number\n3\n1\n2\n\n")
    if change == "code":
        (toy / "toy/total.py").write_text((toy / "toy/total.py").read_text() + "\n# another word\n")
        fingerprint.digest_code.cache_clear()
    if change == "lost output":
        (results[2].folder / "total.json").unlink()
    again = run_in_process(make_run(tmp_path, *overrides, seed=int(change == "seed")), monkeypatch)
    assert skipped(again) == expected


def test_a_file_that_a_setting_names_counts_by_its_bytes(
    results: list[StageResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("the same")
    for name, expected in (("a", False), ("b", True)):
        again = run_in_process(make_run(tmp_path, f"features.extra={tmp_path / name}"), monkeypatch)
        assert again[0].skipped is expected


def test_a_file_that_a_setting_names_must_be_there(toy: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path, "features.extra=nowhere.csv")
    with pytest.raises(UserError, match=r"nowhere\.csv"):
        list(run_stages(run, run.competition.stages))


def test_a_stage_alone_says_what_must_be_run_before(toy: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(UserError, match="pulmo toy square"):
        list(run_stages(run, [run.competition.stage("total")]))


def test_an_input_may_come_from_anywhere(
    results: list[StageResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere.parquet"
    pd.DataFrame({"square": [100]}).to_parquet(elsewhere)
    run = make_run(tmp_path)
    run = Run(run.competition, run.paths, run.settings, inputs={"square/squares": elsewhere})
    (total,) = run_stages(run, [run.competition.stage("total")])
    assert load(output(run, "total/total"))["total"] == 100
    assert not total.skipped


def test_two_processes_do_not_share_a_run(toy: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    first = run_stages(run, run.competition.stages[:1])
    next(first)
    with pytest.raises(UserError, match="another pulmo process"):
        next(run_stages(run, run.competition.stages))
    del first
    assert len(list(run_stages(run, run.competition.stages[:1]))) == 1


def test_what_is_not_declared_is_refused(tmp_path: Path) -> None:
    stage = Stage(StageSpec("alone", ""), 0, tmp_path, {}, tmp_path)
    with pytest.raises(LookupError, match="reads 'features/numbers'"):
        stage.read("features/numbers")
    with pytest.raises(LookupError, match="writes 'numbers'"):
        stage.write("numbers", np.zeros(3))


@pytest.mark.parametrize(
    "value",
    [pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None]}), np.arange(6, dtype=np.int16).reshape(2, 3), {"a": [1, "é"]}],
)
def test_what_is_written_is_read_back(value: pd.DataFrame | np.ndarray | dict, tmp_path: Path) -> None:
    from pulmo.pipeline.stage import find_output

    stage = Stage(StageSpec("one", "", writes=("value",)), 0, tmp_path, {}, tmp_path)
    stage.write("value", value)
    path = find_output(tmp_path, "value")
    assert path is not None
    back = load(path)
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(back, value)
    elif isinstance(value, np.ndarray):
        np.testing.assert_array_equal(back, value)
        assert back.dtype == value.dtype
    else:
        assert back == value


def test_numbers_that_json_does_not_know_are_refused(tmp_path: Path) -> None:
    stage = Stage(StageSpec("one", "", writes=("value",)), 0, tmp_path, {}, tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        stage.write("value", {"score": float("nan")})
    assert not list(tmp_path.iterdir())


KILLED = """
    import sys
    from pathlib import Path
    import pulmo.competitions
    folder = Path(sys.argv[1])
    pulmo.competitions.__path__.append(str(folder / "packages"))
    sys.path.insert(0, sys.argv[2])
    from tests.pipeline.test_runner import make_run
    from tests.support import map_here
    from pulmo.pipeline import stage
    from pulmo.pipeline.runner import run_stages
    stage.map_items = map_here
    for result in run_stages(run := make_run(folder, "square.slowness=0.15"), run.competition.stages):
        print(result.spec.name, result.skipped, flush=True)
"""


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_bytes(toy: Path, tmp_path: Path) -> None:
    here = Path(__file__).parent
    arguments = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), str(here.parents[1])]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/numbers.csv").write_text("number\n" + "\n".join(map(str, range(3))))
    kept: list[int] = []
    for _ in range(100):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        progress = _work_done(tmp_path / "work")
        kept.append(len(progress))
        while process.poll() is None and _work_done(tmp_path / "work") == progress:
            time.sleep(0.005)
        time.sleep(0.06)
        if process.poll() is not None:
            assert process.wait() == 0, process.communicate()[1]
            process.communicate()
            break
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    else:
        pytest.fail("it never came to its end")
    assert len(kept) > 3, "it was hardly ever killed"
    assert json.loads((tmp_path / "work/total/total.json").read_text())["total"] == sum(n * n for n in range(3))
    assert not list((tmp_path / "work").glob("*.partial"))

    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "packages").symlink_to(tmp_path / "packages")
    (whole / "data").symlink_to(tmp_path / "data")
    arguments[3] = str(whole)
    subprocess.run(arguments, check=True, capture_output=True)
    assert _bytes(whole / "work") == _bytes(tmp_path / "work")


def _work_done(work: Path) -> list[str]:
    """Finished stages, kept checkpoints and kept rows."""
    checkpoints = [str(path) for path in work.glob("*/checkpoints/*") if not path.name.endswith(".started")]
    rows = []
    for path in work.glob("*/checkpoints/*.jsonl"):
        with suppress(FileNotFoundError):  # its stage has just been finished, and its folder renamed
            rows += path.read_text().splitlines()
    return sorted([*checkpoints, *rows, *(str(path) for path in work.glob("*/manifest.json"))])


def _bytes(work: Path) -> dict[str, bytes]:
    return {
        path.relative_to(work).as_posix(): path.read_bytes()
        for path in work.rglob("*")
        if path.is_file() and path.name not in ("manifest.json", ".lock")
    }


def test_notes_outlive_a_kill_and_are_told_once(tmp_path: Path) -> None:
    def stage() -> Stage:
        return Stage(StageSpec("train", ""), 0, tmp_path, {}, tmp_path / "train.partial")

    before = stage()
    for note in ("the encoder starts from random weights", "a scan is left out", "a scan is left out"):
        before.note(note)
    with (tmp_path / "train.partial/checkpoints/notes.jsonl").open("a") as file:
        file.write('"killed while wri')
    resumed = stage()
    assert resumed.notes == ["the encoder starts from random weights", "a scan is left out"]
    resumed.note("a scan is left out")
    resumed.note("lungs were looked for")
    assert stage().notes == [*before.notes, "lungs were looked for"]


def test_a_training_that_diverges_names_its_stage(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    square = find_competition("toy").stage_module("square")
    told = DivergedError.of("fold1, epoch 3", "the loss is nan")
    monkeypatch.setattr(square, "run", lambda *_: (_ for _ in ()).throw(told))
    with pytest.raises(UserError, match="stage square, fold1, epoch 3: the training has diverged: the loss is nan"):
        run_in_process(make_run(tmp_path), monkeypatch)


def test_what_was_noted_is_told_when_a_stage_fails(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(stage: Stage, settings: object) -> None:
        stage.note("13 is left out: it is unlucky")
        raise UserError(Fault("numbers", "too few are left", "Give more"))

    monkeypatch.setattr(find_competition("toy").stage_module("square"), "run", fail)
    with pytest.raises(UserError, match="too few are left"):
        run_in_process(make_run(tmp_path), monkeypatch)
    assert "note: 13 is left out: it is unlucky" in capsys.readouterr().err


def test_results_name_their_stage(results: list[StageResult]) -> None:
    assert [result.manifest.stage for result in results] == ["features", "square", "total"]


def test_a_stage_that_does_not_write_what_it_declares(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy / "toy/features.py").write_text("def run(stage, settings):\n    pass\n")
    with pytest.raises(LookupError, match="declares that it writes 'numbers', but did not"):
        run_in_process(make_run(tmp_path), monkeypatch)
    assert not (tmp_path / "work/features").exists()


def test_a_kill_just_before_a_finished_folder_is_renamed(
    results: list[StageResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, first = make_run(tmp_path), results[0]
    partial = run.paths.partial("features", first.manifest.digest)
    first.folder.rename(partial)  # its checkpoints are deleted already
    assert skipped(run_in_process(run, monkeypatch)) == [False, True, True]
    assert load_manifest(first.folder) == first.manifest
    assert not partial.exists()
