"""Notes on settings that have no effect on a stage run alone."""

import json
import os
from pathlib import Path

import pytest

from pulmo.commands.run import Request, prepare, settings_without_effect
from pulmo.competition import find_competition
from pulmo.errors import CommandLineError
from pulmo.pipeline.runner import run_stages


@pytest.fixture
def request_of(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/toy-squares").mkdir(parents=True)
    (tmp_path / "data/toy-squares/numbers.csv").write_text("number\n3\n")
    return Request(find_competition("toy"))


def notes_of(request: Request, stage: str) -> list[str]:
    return settings_without_effect(prepare(request), request, request.competition.stage(stage))


def test_a_setting_of_another_stage_is_told_where_it_differs(request_of: Request) -> None:
    with_offset = Request(request_of.competition, overrides=("features.offset=1", "square.power=3"))
    assert notes_of(with_offset, "square") == [
        "--set features.offset=1 has no effect: `square` uses the outputs of features as made before"
    ]
    run = prepare(Request(request_of.competition, overrides=("features.offset=1",)))
    list(run_stages(run, [run.competition.stage("features")]))
    assert notes_of(with_offset, "square") == []  # the features were made with it
    other = Request(request_of.competition, overrides=("features.offset=2",))
    assert len(notes_of(other, "square")) == 1


def test_a_setting_of_a_later_stage_is_told(request_of: Request) -> None:
    request = Request(request_of.competition, overrides=("square.power=3",))
    assert notes_of(request, "features") == ["--set square.power=3 has no effect: `features` comes before square"]


def test_the_settings_of_a_run_name_its_data_and_a_preset(request_of: Request, tmp_path: Path) -> None:
    settings = (tmp_path / "again.toml").resolve()
    values = request_of.competition.config.partition("[presets")[0]
    settings.write_text(f'{values}\n[run]\ndata = "{tmp_path / "data/toy-squares"}"\n')
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")  # back by the fixture
    assert prepare(Request(request_of.competition, config=settings)).paths.data == tmp_path / "data/toy-squares"
    settings.write_text(f'{values}\n[run]\npreset = "fasst"\n')
    with pytest.raises(CommandLineError, match=r"again\.toml, \[run\] preset: 'fasst' is not a preset"):
        prepare(Request(request_of.competition, config=settings))


def test_a_model_from_elsewhere_goes_by_its_own_settings(request_of: Request, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/ensemble.json").write_text(json.dumps({}))
    request = Request(request_of.competition, overrides=("features.offset=0",), model=tmp_path / "model")
    assert notes_of(request, "total") == [
        "--set features.offset=0 has no effect: `total` uses the model as made before"
    ]
