"""Runs listed, compared and found: on folders as runs leave them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.commands.demo import run_demo
from pulmo.competition import find_competition
from pulmo.errors import CommandLineError, UserError
from pulmo.pipeline.manifest import Manifest
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.run_settings import write_settings
from pulmo.pipeline.runner import Run
from pulmo.pipeline.runs import find_run, newest_run, runs_of
from pulmo.pipeline.scores import write_scores
from pulmo.pipeline.settings import load_settings
from tests.support import run_pulmo

OSIC = find_competition("osic")
ROWS = 40


def leave_run(name: str, score: float, day: int, data: Path, *overrides: str, seed: int = 0) -> None:
    """What a run leaves: `score` is of every other row, and one less of those between."""
    settings = load_settings(OSIC.settings, OSIC.config, "fast", overrides)
    run = Run(OSIC, RunPaths.of("osic", name, data), settings, seed)
    folder = run.paths.stage("fit_ensemble")
    folder.mkdir(parents=True)
    (folder / "model").mkdir()
    patients = [f"p{number}" for number in range(ROWS)]
    values = score - (np.arange(ROWS) % 2)
    table = pd.DataFrame({"row": patients, "patient": patients, "fold": 0, "score": values})
    table.to_parquet(folder / "row_scores.parquet")
    Manifest(
        stage="fit_ensemble",
        digest="",
        seed=seed,
        inputs={},
        settings=json.loads(settings.model_dump_json())["fit_ensemble"],
        code="",
        outputs={},
        notes=(),
        seconds=60.0,
        data=str(data),
        trained_on="CPU, tensorflow",
        finished=f"2026-01-{day:02}T12:30:00+00:00",
    ).save(folder)
    folds = [{"fold": 0, "rows": ROWS, "score": score - 0.5, "standard_error": 0.1}]
    estimate = {"score": score - 0.5, "standard_error": 0.08, "folds": folds}
    write_scores(run.paths.out, {"run": name, "metric": OSIC.metric, "estimate": estimate})
    write_settings(run, name, "fast")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs: the oldest is the best; the newest is of phantom data."""
    monkeypatch.chdir(tmp_path)
    for name in ("real", "drawn"):
        Path(name).mkdir()
    Path("drawn.written").touch()
    leave_run("first", -6.5, 1, Path("real"))
    leave_run("second", -6.75, 2, Path("real"), "cv.repeats=2", seed=3)
    leave_run("demo", -6.0, 3, Path("drawn"))
    return Path("real")


def test_runs_are_found_by_name_and_by_what_they_have(data: Path) -> None:
    assert [run.name for run in runs_of(OSIC)] == ["demo", "second", "first"]
    assert [run.origin.phantom for run in runs_of(OSIC)] == [True, False, False]
    newest = newest_run(OSIC, "fit_ensemble/model", data)
    assert newest is not None
    assert (newest.name, newest.data, newest.seconds) == ("second", Path("real"), 60.0)
    assert newest.differing() == {"cv.repeats": 2, "seed": 3}
    assert newest_run(OSIC, "fit_ensemble/boosters") is None
    with pytest.raises(CommandLineError, match=r"third: is not a run of osic\. There are demo, second, first"):
        find_run(OSIC, "third")


@pytest.mark.usefixtures("data")
def test_the_list_has_a_table_for_real_data_and_one_for_phantoms(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_pulmo(capsys, "runs", "osic")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "osic, real data: modified Laplace log likelihood (higher is better ↑)"
    assert lines[2].split()[:8] == ["second", "-7.2500", "±", "0.0800", "-0.2500", "±", "0.0000,", "worse"]
    assert lines[2].endswith("fast cv.repeats=2 seed=3")
    assert "2026-01-02 12:30" in lines[2]
    assert "CPU, tensorflow" in lines[2]
    assert lines[3].split()[:5] == ["first", "-7.0000", "±", "0.0800", "best"]
    assert lines[4] == "For reference: the winner's private score on Kaggle is -6.8305, of another test set."
    assert lines[6].startswith("osic, phantom data (not a result): modified Laplace")
    assert lines[8].split()[0] == "demo"
    assert len(lines) == 9


@pytest.mark.usefixtures("data")
def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run_pulmo(capsys, "runs", "--json")
    runs = {run["run"]: run for run in json.loads(out)}
    assert runs["second"]["minus_best"]["gain"]["value"] == pytest.approx(-0.25)
    assert runs["second"]["changed_settings"] == {"cv.repeats": 2, "seed": 3}
    assert runs["first"]["minus_best"] is None
    assert runs["demo"]["phantom"] is True


def test_no_run_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_pulmo(capsys, "runs")[1].startswith("No run here yet: `pulmo demo`")


@pytest.mark.usefixtures("data")
def test_two_runs_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_pulmo(capsys, "osic", "compare", "first", "second")
    assert (code, err) == (0, "")
    rows = {line.split("  ")[0]: line.split() for line in out.splitlines()}
    assert rows["cv.repeats"] == ["cv.repeats", "1", "2"]
    assert rows["seed"] == ["seed", "0", "3"]
    assert "features.folds" not in rows
    assert rows["folds"] == ["folds", "-7.0000", "-7.2500"]
    assert (
        "second minus first, row by row: -0.2500 ± 0.0000 (95 % interval -0.2500 to -0.2500; 40 rows of 40 patients). "
        "second is worse." in out.splitlines()
    )
    assert out.splitlines()[-1].startswith("For reference: the winner's private score")


def test_an_unfinished_run_is_called_so(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_run("stopped", -7.0, 4, data)
    shutil.rmtree("submissions/osic/stopped")
    assert "stopped  unfinished  " in run_pulmo(capsys, "runs", "osic")[1]
    code, out, err = run_pulmo(capsys, "osic", "compare", "first", "stopped")
    assert code == 0
    assert "not set" not in out
    assert "note: stopped is unfinished: settings are compared once a run has its settings.toml" in err


@pytest.mark.usefixtures("data")
def test_phantom_and_real_runs_do_not_compare(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run_pulmo(capsys, "osic", "compare", "demo", "first")
    assert err == "note: one run is of phantom data and the other is not: their scores do not compare\n"
    assert run_pulmo(capsys, "osic", "compare", "demo", "demo")[0] == 2
    Path("work/osic/first/fit_ensemble/row_scores.parquet").unlink()
    _, _, err = run_pulmo(capsys, "osic", "compare", "second", "first")
    assert "no paired difference: a run has no fit_ensemble/row_scores" in err


@pytest.mark.usefixtures("data")
def test_report_and_kernel_refuse_a_run_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("report",), ("kernel", "build")):
        code, _, err = run_pulmo(capsys, "osic", *command, "--run", "third")
        assert code == 2
        assert "third: is not a run of osic. There are demo, second, first." in err


@pytest.mark.usefixtures("data")
def test_a_page_is_of_the_newest_run_and_its_data(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("demo", "second"):
        Path(f"work/osic/{name}/fit_ensemble/model").rmdir()  # an empty one, which a figure would read
    assert run_pulmo(capsys, "osic", "report", "--quiet")[:2] == (0, "submissions/osic/demo/report.html\n")
    assert run_pulmo(capsys, "osic", "report", "--data", "real")[1] == "submissions/osic/second/report.html\n"
    assert "Data: real." in Path("submissions/osic/second/report.html").read_text()


@pytest.mark.usefixtures("data")
def test_the_settings_of_a_run_are_settings_again(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("osic", "settings", "--config", "submissions/osic/second/settings.toml")
    code, out, _ = run_pulmo(capsys, *words)
    assert code == 0
    assert "repeats = 2" in out.splitlines()
    Path("again.toml").write_text(out)
    assert run_pulmo(capsys, "osic", "settings", "--config", "again.toml")[1].splitlines()[1:] == out.splitlines()[1:]
    code, _, err = run_pulmo(capsys, "siim", *words[1:])
    assert code == 2
    assert "has settings of osic" in err


def test_the_demo_replaces_no_run_on_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("real").mkdir()
    leave_run("demo", -6.5, 1, Path("real"))
    monkeypatch.setattr("pulmo.commands.demo.demo_data", lambda competition, seed: (Path("drawn"), Path("drawn.csv")))
    with pytest.raises(UserError, match=r"work/osic/demo: is a run on real with the demo's name\. Rename"):
        run_demo(["osic"], 0)
