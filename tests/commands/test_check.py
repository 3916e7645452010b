"""`pulmo NAME check`, and the commands on a competition without its optional parts."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pulmo.blending.holdout_fit import holdout_half
from pulmo.cli.app import command_line
from pulmo.training import cost
from tests.competitions.small import PHANTOM, Small, small
from tests.support import run_pulmo

__all__ = ["small"]

Pulmo = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pulmo(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulmo]:
    """Run a command in a folder of its own; the command line is built anew, with the competition `small`."""
    monkeypatch.chdir(tmp_path)
    command_line.cache_clear()
    yield partial(run_pulmo, capsys)
    command_line.cache_clear()


def write_data(folder: Path) -> Path:
    folder.mkdir()
    (folder / "train.csv").write_text("id,value\na1,2\nb1,4\n")
    (folder / "sample_submission.csv").write_text("id,value\nc1,0\nd1,0\n")
    return folder


def rows_of(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines()]


def test_a_sound_competition_and_its_data(pulmo: Pulmo, small: Small, tmp_path: Path) -> None:
    small.make()
    code, out, err = pulmo("small", "check")
    assert code == 0
    assert "contract stages features, fit_ensemble, predict, cv ok" in rows_of(out)
    assert "presets demo, full ok" in rows_of(out)
    assert "There is no data/small-means: the data are not checked" in err

    code, out, err = pulmo("small", "check", "--data", write_data(tmp_path / "data"))
    assert (code, "note" in err) == (0, False)
    assert "features reads train.csv: 0.0 kB ok" in rows_of(out)
    assert "sample submission sample_submission.csv: 2 rows ok" in rows_of(out)
    _, out, _ = pulmo("small", "check", "--data", tmp_path / "data", "--json")
    assert {row["result"] for row in json.loads(out)["checks"]} == {"ok", "not there"}


def test_faults_of_the_contract_end_with_one(pulmo: Pulmo, small: Small) -> None:
    small.with_replaced("__init__.py", 'reads=("features/values",), writes=("model"', 'reads=("x/y",), writes=("model"')
    code, out, err = pulmo("small", "check")
    assert code == 1
    assert "contract stages features, fit_ensemble, predict, cv 1 fault" in rows_of(out)
    assert "stage fit_ensemble reads 'x/y', which no earlier stage writes" in err
    assert "Traceback" not in err
    code, out, _ = pulmo("small", "check", "--json")
    assert (code, len(json.loads(out)["faults"])) == (1, 1)


def test_faults_of_the_data_are_named(pulmo: Pulmo, small: Small, tmp_path: Path) -> None:
    check = """
from pulmo.protocols import DataCheck
from pulmo.errors import Fault

def check(data, settings):
    wrong = Fault("train.csv, row 2", f"{settings.features.factor:g} is wrong", "Correct it")
    return DataCheck({"rows": 1234}, (wrong,), ("one is left out",), disk_bytes=10**18, memory_bytes=1)
"""
    small.make({"data_check.py": check})
    data = write_data(tmp_path / "data")
    (data / "train.csv").unlink()
    (data / "sample_submission.csv").write_text("id,value\nc1,0\nc1,0\n")
    code, out, err = pulmo("small", "check", "--data", data, "--preset", "demo")
    assert code == 1
    assert "rows 1,234" in rows_of(out)
    assert "features reads train.csv missing" in rows_of(out)
    assert "memory about 0.0 kB needed" in "\n".join(rows_of(out))
    for words in (
        f"{data}/train.csv: is missing, and stage features reads it",
        "sample_submission.csv, row 3, id: 'c1' is repeated",
        "train.csv, row 2: 2 is wrong. Correct it.",
        "disk: about 1000000000.0 GB needed",
        "note: one is left out",
    ):
        assert words in err


def test_what_a_run_costs(pulmo: Pulmo, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = """
from pulmo.protocols import DataCheck, NetworkTraining
from pulmo.training.settings import SegmenterConfig

def check(data, settings):
    training = NetworkTraining("train_segmenter", SegmenterConfig(), 64, 1000, 5)
    return DataCheck({}, read_seconds=7200.0, trainings=(training,))
"""
    small.make({"data_check.py": check})
    measured: list[tuple[Any, ...]] = []

    def training_cost(config: object, *about: object) -> cost.TrainingCost:
        measured.append(about)
        return cost.TrainingCost(5, 1, 3_600_000, 1.0, 0.01, {"P100": 2.0, "T4": 8.5})

    monkeypatch.setattr(cost, "training_cost", training_cost)
    monkeypatch.setattr("pulmo.commands.check.cores", lambda: 2)
    code, out, err = pulmo("small", "check", "--data", write_data(tmp_path / "data"))
    assert code == 0
    assert measured == [(64, 1000, 5, "auto")]
    rows = rows_of(out)
    assert "cost of reading 1.0 h on 2 cores here" in rows
    networks = "5 networks, 3,600,000 images shown, 10 ms each: 10.0 h here, 2.0 h estimated on a P100, 8.5 h estimated"
    assert f"cost of train_segmenter {networks} on a T4" in rows
    words = "11.0 h here, 3.0 h estimated on a P100, 9.5 h estimated on a T4; Kaggle allows 9 h too long for Kaggle"
    assert f"cost of reading and training {words}" in rows
    assert "Measuring the speed of train_segmenter" in err


def test_a_wrong_preset_or_folder(pulmo: Pulmo, small: Small) -> None:
    small.make()
    code, _, err = pulmo("small", "check", "--preset", "dmo")
    assert (code, "Did you mean demo?" in err) == (2, True)
    code, _, err = pulmo("small", "check", "--data", "nowhere")
    assert (code, "nowhere: there is no such folder" in err) == (1, True)


def test_without_optional_parts_commands_say_so(pulmo: Pulmo, small: Small, tmp_path: Path) -> None:
    small.make()
    data = write_data(tmp_path / "data")
    code, out, _ = pulmo("small", "run", "--data", data)
    assert code == 0
    assert "squared error 1.0000 ± 0.1000" in out
    assert "high 2.0000" in out
    assert "Figure" not in out
    scores = json.loads(Path("submissions/small/full/score.json").read_text())
    assert scores["estimate"]["parts"] == {"high": 2.0}
    for words, part in ((("demo", "small"), "phantom.py"), (("small", "report", "--data", data), "figures/")):
        code, _, err = pulmo(*words)
        assert code == 2
        assert f"small: the competition has no {part}, which is needed to draw" in err


def test_a_demo_without_figures(pulmo: Pulmo, small: Small) -> None:
    small.make({"phantom.py": PHANTOM})
    code, out, _ = pulmo("demo", "small")
    assert code == 0
    assert rows_of(out)[1].startswith("small squared error 1.0000 ± 0.1000 18.0000")
    assert not any(row.startswith("page") for row in rows_of(out))


def test_a_model_whose_estimate_lacks_a_value_is_named(pulmo: Pulmo, small: Small, tmp_path: Path) -> None:
    small.with_replaced("fit_ensemble.py", '"mean": mean, "estimate": estimate', '"mean": mean')
    code, _, err = pulmo("small", "run", "--data", write_data(tmp_path / "data"))
    assert code == 1
    assert "ensemble.json: there is no estimate" in err
    assert not Path("submissions/small/full/submission.csv").exists()


def test_the_help_of_a_stage_shows_what_it_reads_and_writes(pulmo: Pulmo, small: Small) -> None:
    small.make()
    _, out, _ = pulmo("small", "fit_ensemble", "--help")
    assert "Reads: features/values" in out
    assert "Writes: fit_ensemble/model, fit_ensemble/estimate" in out
    assert "Kaggle's files: sample_submission.csv" in pulmo("small", "predict", "--help")[1]


def test_parts_of_a_score(pulmo: Pulmo, small: Small, tmp_path: Path) -> None:
    small.make()
    (tmp_path / "a.csv").write_text("id,value\nc1,3\nd1,7\n")
    (tmp_path / "solution.csv").write_text("id,value\nc1,3\nd1,9\n")
    words = ("small", "score", tmp_path / "a.csv", "--solution", tmp_path / "solution.csv")
    _, out, err = pulmo(*words)
    assert out == "2.000000\n"
    assert "high 4.000000" in err
    _, out, _ = pulmo(*words, "--json")
    assert json.loads(out)["parts"] == {"high": 4.0, "low": 0.0, "none": None}


def test_halves_of_a_blend_hold_whole_patients(pulmo: Pulmo, small: Small, tmp_path: Path) -> None:
    small.make()
    ids = [f"{patient}{row}" for patient in "abcdefgh" for row in range(3)]
    halves = {id_: holdout_half(id_[0]) for id_ in ids}
    right_in_half = {
        name: {id_: 1 if halves[id_] == half else 3 for id_ in ids} for half, name in enumerate(("one", "two"))
    }
    for name, values in {**right_in_half, "solution": dict.fromkeys(ids, 1)}.items():
        (tmp_path / f"{name}.csv").write_text("id,value\n" + "".join(f"{id_},{values[id_]}\n" for id_ in ids))
    words = ("small", "blend", tmp_path / "one.csv", tmp_path / "two.csv", "--out", tmp_path / "out.csv")
    code, out, err = pulmo(*words, "--solution", tmp_path / "solution.csv")
    assert code == 0
    assert "note: the first letter is the patient" in err
    assert [row.split()[2:] for row in rows_of(out)[1:3]] == [["0.000000", "4.000000"], ["4.000000", "0.000000"]]
    code, _, err = pulmo(*words, "--solution", tmp_path / "solution.csv", "--data", "nowhere")
    assert (code, "nowhere: there is no such folder" in err) == (1, True)


def test_every_competition_has_the_command(pulmo: Pulmo) -> None:
    code, out, _ = pulmo("osic", "--help")
    assert code == 0
    assert "check " in out
