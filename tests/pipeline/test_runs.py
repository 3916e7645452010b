"""Runs found on the disk, as the toy competition leaves them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from pulmo.competition import Competition, find_competition
from pulmo.errors import CommandLineError
from pulmo.pipeline.manifest import Manifest
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.run_settings import write_settings
from pulmo.pipeline.runner import Run
from pulmo.pipeline.runs import find_run, newest_run, runs_of
from pulmo.pipeline.scores import write_scores
from pulmo.pipeline.settings import load_settings


def leave_stage(
    work: Path, stage: str, finished: str, seconds: float, data: str = "data", trained_on: str = ""
) -> None:
    """A finished stage's folder, which holds nothing else."""
    (work / stage).mkdir(parents=True)
    Manifest(
        stage=stage,
        digest="",
        seed=0,
        inputs={},
        settings={},
        code="",
        outputs={},
        notes=(),
        seconds=seconds,
        data=data,
        trained_on=trained_on,
        finished=finished,
    ).save(work / stage)


@pytest.fixture
def competition(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Competition:
    """Four runs: of two stages, of one with settings, of one without an output, and one that left a page alone."""
    monkeypatch.chdir(tmp_path)
    found = find_competition("toy")
    Path("data").mkdir()
    work = Path("work/toy")
    leave_stage(work / "old", "features", "2026-01-01T00:00:00+00:00", 1.5, trained_on="CPU")
    leave_stage(work / "old", "square", "2026-01-03T00:00:00+00:00", 2.5, "other", "GPU")
    leave_stage(work / "old", "total", "2026-01-02T00:00:00+00:00", 1.0, trained_on="CPU")
    (work / "old/square/squares.parquet").touch()
    settings = load_settings(found.settings, found.config, overrides=["square.power=5"])
    run = Run(found, RunPaths.of("toy", "elsewhere", Path("data"), Path("far")), settings, seed=2)
    leave_stage(run.paths.work, "features", "2026-01-04T00:00:00+00:00", 1.0)
    run.paths.out.mkdir(parents=True)
    write_settings(run, "elsewhere", "cubes")
    leave_stage(work / "bare", "features", "2026-01-02T12:00:00+00:00", 1.0, "")
    Path("submissions/toy/page").mkdir()
    Path("submissions/toy/page/report.html").touch()
    return found


def test_runs_are_sorted_by_their_last_stage(competition: Competition) -> None:
    assert [run.name for run in runs_of(competition)] == ["elsewhere", "old", "bare", "page"]


def test_what_a_run_is_told_by(competition: Competition) -> None:
    old, elsewhere, bare, page = (find_run(competition, name) for name in ("old", "elsewhere", "bare", "page"))
    assert (old.finished, old.seconds, old.data, old.trained_on) == (
        "2026-01-03T00:00:00+00:00",
        5.0,
        Path("other"),
        "CPU; GPU",
    )
    assert (old.work, elsewhere.work) == (Path("work/toy/old"), Path("far"))
    assert (bare.data, page.data, page.finished, page.seconds, page.trained_on) == (None, None, "", 0, "")
    assert (old.estimate, old.row_scores(), old.origin.competition) == ({}, None, "toy")
    # The preset `cubes` has power 3.
    assert elsewhere.differing() == {"square.power": 5, "seed": 2}
    assert old.differing() == {}


def test_settings_of_a_preset_that_is_gone_all_differ(competition: Competition) -> None:
    path = Path("submissions/toy/elsewhere/settings.toml")
    path.write_text(path.read_text().replace("cubes", "gone"))
    found = find_run(competition, "elsewhere").differing()
    # The finished stage `features` was made without any, as its manifest says.
    assert found == {"square.power": 5, "square.slowness": 0.0, "seed": 2}


def test_the_newest_run_with_an_output_and_of_some_data(competition: Competition) -> None:
    def newest(output: str = "", data: Path | None = None) -> str | None:
        found = newest_run(competition, output, data)
        return found.name if found else None

    assert newest() == "elsewhere"
    assert newest("square/squares") == "old"
    assert newest("square/parts") is None
    assert newest(data=Path("other").absolute()) == "old"
    assert newest("square/squares", Path("data")) is None
    assert newest(data=Path("nowhere")) is None


def test_a_run_that_is_not_there(competition: Competition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandLineError, match=r"new: is not a run of toy\. There are elsewhere, old, bare, page"):
        find_run(competition, "new")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert newest_run(competition) is None
    with pytest.raises(
        CommandLineError, match=r"new: is not a run of toy\. Train one: `pulmo toy run --run new --data"
    ):
        find_run(competition, "new")


def test_scores_and_out_of_fold_rows(competition: Competition) -> None:
    write_scores(Path("submissions/toy/old"), {"estimate": {"score": 2.0}})
    folder = Path("work/toy/old/fit_ensemble")
    folder.mkdir()
    pd.DataFrame({"row": ["a"], "score": [1.0]}).to_parquet(folder / "row_scores.parquet")
    run = find_run(competition, "old")
    assert run.estimate == {"score": 2.0}
    rows = run.row_scores()
    assert rows is not None
    assert rows["score"].tolist() == [1.0]
    # Beside a submission that they are not of, they do not count.
    Path("submissions/toy/old/submission.csv").write_text("id,square\n")
    assert find_run(competition, "old").estimate == {}
    Path("submissions/toy/bare").mkdir()
    Path("submissions/toy/bare/score.json").write_text(json.dumps({"estimate": "none"}))
    assert find_run(competition, "bare").estimate == {}
