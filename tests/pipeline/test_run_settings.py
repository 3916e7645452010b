"""`settings.toml` holds what a run was made with, and is read back; other settings under a run's name are refused."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from pulmo.competition import ALL_SETTINGS
from pulmo.errors import CommandLineError, UserError
from pulmo.pipeline import run_settings
from pulmo.pipeline.changes import changes, refuse_changes
from pulmo.pipeline.data_folder import origin_of, phantom_mark
from pulmo.pipeline.run_settings import flat, parse_settings, read_settings, write_settings
from pulmo.pipeline.runner import Run, run_stages
from pulmo.pipeline.settings import load_settings
from tests.pipeline.test_runner import make_run, run_in_process


@pytest.fixture
def run(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished run of the toy with another power than by default."""
    run = make_run(tmp_path, "square.power=3")
    run.paths.out.mkdir()
    run_in_process(run, monkeypatch)
    return run


def test_all_sections_and_where_they_are_from(run: Run) -> None:
    path = write_settings(run, "mine", "cubes")
    found = parse_settings(path)
    assert found.sections == {
        "features": {"offset": 0},
        "square": {"power": 3, "slowness": 0.0},
        "total": {},
    }
    assert (found.origin.name, found.origin.preset, found.origin.competition) == ("mine", "cubes", "toy")
    assert (found.origin.data, found.origin.phantom) == (str(run.paths.data), False)
    assert found == read_settings(run.paths.out)


def test_they_can_be_used_again(run: Run) -> None:
    text = write_settings(run, "mine", "cubes").read_text()
    assert load_settings(run.competition.settings, text) == run.settings
    changed = load_settings(run.competition.settings, text, overrides=["square.power=4"])
    assert flat(changed.model_dump())["square.power"] == 4


def test_a_stage_made_with_other_settings_is_recorded_as_it_was_made(run: Run, tmp_path: Path) -> None:
    later = make_run(tmp_path, "square.power=5")
    write_settings(later, "mine", "full")
    assert tomllib.loads((run.paths.out / "settings.toml").read_text())["square"]["power"] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[run]\nseed = 'x'\n", r"\[run\] seed: input should be a valid integer"),
        ("[run]\nsead = 1\n", r"\[run\] sead"),
        ("a = = 2", "is not TOML"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(CommandLineError, match=words):
        parse_settings(tmp_path / "settings.toml")
    assert read_settings(tmp_path) is None


def test_no_change_is_no_reason_to_refuse(run: Run, tmp_path: Path) -> None:
    refuse_changes(make_run(tmp_path, "square.power=3"), run.competition.stages)
    refuse_changes(make_run(tmp_path, "square.power=3"), [run.competition.stage("features")])


def test_every_change_is_named(run: Run, tmp_path: Path) -> None:
    other = make_run(tmp_path, "square.power=2", "features.offset=1", seed=7)
    with pytest.raises(UserError) as refused:
        refuse_changes(other, run.competition.stages)
    assert str(refused.value) == (
        f"{run.paths.work}: was made with features.offset = 0 (now 1), seed 0 (now 7), square.power = 3 (now 2). "
        "Give the new run a name of its own with --run NAME, or replace this one's results with --replace."
    )
    alone = make_run(tmp_path, "square.power=2")
    assert changes(alone, [run.competition.stage("features")]) == []  # made by another stage
    assert next(iter(run_stages(alone, [run.competition.stage("features")]))).skipped


def test_other_data_are_named(run: Run, tmp_path: Path) -> None:
    numbers = run.paths.data / "numbers.csv"
    numbers.write_text("number\n9\n")
    same = make_run(tmp_path, "square.power=3")
    assert changes(same, run.competition.stages) == [f"another state of {numbers}"]


def test_data_are_known_by_names_and_sizes_and_phantoms_by_their_mark(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "scans").mkdir(parents=True)
    (data / "scans/a.dcm").write_bytes(b"12")
    before = origin_of(data)
    (data / "scans/a.dcm").write_bytes(b"34")
    assert origin_of(data) == before
    assert not before.phantom
    (data / "scans/b.dcm").write_bytes(b"")
    assert origin_of(data).fingerprint != before.fingerprint
    phantom_mark(data).write_text("")
    assert origin_of(data).phantom


@pytest.mark.parametrize(("count", "more"), [(12, ""), (13, " and 1 more")])
def test_twelve_changes_are_shown(run: Run, monkeypatch: pytest.MonkeyPatch, count: int, more: str) -> None:
    found = [f"c{number}" for number in range(count)]
    monkeypatch.setattr("pulmo.pipeline.changes.changes", lambda *_: found)
    shown = "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11"
    with pytest.raises(UserError, match=f"was made with {shown}{more}\\. Give"):
        refuse_changes(run, run.competition.stages)


def test_a_setting_that_was_not_set_and_one_that_is_not_any_more(run: Run, tmp_path: Path) -> None:
    """Both ways; and of a stage that depends on all settings."""
    extra = tmp_path / "extra.csv"
    extra.write_text("")
    with_extra = make_run(tmp_path, "square.power=3", f"features.extra={str(extra)!r}")
    features = [run.competition.stage("features")]
    assert changes(with_extra, features) == [f'features.extra = not set (now "{extra}")']
    list(run_stages(with_extra, features))
    assert changes(run, features) == [f'features.extra = "{extra}" (now not set)']
    everything = [replace(features[0], settings=ALL_SETTINGS)]
    path = run.paths.stage("features") / "manifest.json"
    made = json.loads(path.read_text())
    path.write_text(json.dumps({**made, "settings": {"features": made["settings"], "square": {"power": 3}}}))
    assert changes(run, everything) == [
        f'features.extra = "{extra}" (now not set)',
        "square.slowness = not set (now 0.0)",
    ]


def test_another_data_folder_is_named_where_its_files_differ(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "numbers.csv").write_text((run.paths.data / "numbers.csv").read_text())
    moved = replace(run, paths=replace(run.paths, data=other))
    assert changes(moved, run.competition.stages) == []
    (other / "numbers.csv").write_text("number\n9\n")
    assert changes(moved, run.competition.stages) == [f"the data of {run.paths.data} (now {other})"]
    (other / "numbers.csv").unlink()
    assert changes(moved, run.competition.stages) == [f"the data of {run.paths.data} (now {other})"]


def test_the_commit_of_a_source_that_was_changed_has_a_plus(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"ls-files": "__init__.py", "rev-parse": "0123456789ab", "status": ""}
    monkeypatch.setattr(run_settings, "_git", lambda _, command, *__: answers[command])
    assert run_settings.commit.__wrapped__() == "0123456789ab"
    answers["status"] = "M pulmo/errors.py"
    assert run_settings.commit.__wrapped__() == "0123456789ab+"
    answers["ls-files"] = ""  # installed inside somebody's own repository
    assert run_settings.commit.__wrapped__() == ""


def test_git_answers_in_text_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    git = tmp_path / "bin/git"
    git.write_text('#!/bin/sh\necho "$*"\nexit 1\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert run_settings._git(tmp_path, "status", ".") == f"-C {tmp_path} status ."
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run_settings._git(tmp_path, "status", ".") == ""
