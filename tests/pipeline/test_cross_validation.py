"""Cross-validation of other settings or inputs than the run's is known as such."""

import json
from pathlib import Path

import pandas as pd
import pytest

from pulmo.commands.run import Request, _update_scores
from pulmo.errors import UserError
from pulmo.pipeline.cross_validation import differing_from_cv
from pulmo.pipeline.manifest import Manifest, load_manifest
from pulmo.pipeline.runner import Run
from pulmo.report.sections import read
from tests.pipeline.test_runner import make_run, run_in_process


@pytest.fixture
def run(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the toy's stages, and its cross-validation with the same settings and inputs."""
    run = make_run(tmp_path)
    run_in_process(run, monkeypatch)
    features = load_manifest(run.paths.stage("features"))
    assert features is not None
    folder = run.paths.stage("cv")
    folder.mkdir()
    pd.DataFrame({"score": [1.0]}).to_parquet(folder / "table.parquet")
    inputs = {"features/numbers": features.outputs["numbers"]}
    save_cv(run, inputs=inputs, settings=json.loads(run.settings.model_dump_json()))
    return run


def save_cv(run: Run, **changes: object) -> None:
    folder = run.paths.stage("cv")
    known = load_manifest(folder)
    fields = known.model_dump() if known else {"stage": "cv", "digest": "", "seed": 0, "code": "", "outputs": {}}
    about = {"notes": (), "seconds": 1.0, "data": "data", "trained_on": "", "finished": ""}
    Manifest.model_validate({**about, **fields, **changes}).save(folder)


def test_the_same_settings_and_inputs_differ_in_nothing(run: Run) -> None:
    assert differing_from_cv(run) == []
    assert len(read(run, "cv/table")) == 1


def test_other_settings_are_named(run: Run) -> None:
    settings = json.loads(run.settings.model_dump_json())
    save_cv(run, settings={**settings, "square": {**settings["square"], "power": 7}})
    assert differing_from_cv(run) == ["square.power"]
    with pytest.raises(UserError, match=r"differs from the run in square\.power.*pulmo toy cv"):
        read(run, "cv/table")


def test_another_seed_and_other_inputs_are_named(run: Run) -> None:
    save_cv(run, seed=1, inputs={"features/numbers": "0" * 64})
    assert differing_from_cv(run) == ["seed", "features/numbers"]


def test_where_one_is_missing_nothing_differs(toy: Path, tmp_path: Path) -> None:
    assert differing_from_cv(make_run(tmp_path)) == []


def test_score_json_marks_it_and_takes_the_mark_off_again(run: Run) -> None:
    request = Request(run.competition)
    _update_scores(run, request, {"cv": {"score": 1}, "submission_sha256": "a", "estimate": {"score": 2}})
    path = run.paths.out / "score.json"
    assert "cv_differs_from_run" not in json.loads(path.read_text())
    save_cv(run, seed=1)
    _update_scores(run, request, {"cv": {"score": 1}})
    marked = json.loads(path.read_text())
    assert marked["cv_differs_from_run"] == ["seed"]
    assert marked["estimate"] == {"score": 2}
    save_cv(run, seed=0)
    _update_scores(run, request, {"submission_sha256": "b"})  # of a model without an estimate
    known = json.loads(path.read_text())
    assert "cv_differs_from_run" not in known
    assert "estimate" not in known
