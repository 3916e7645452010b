"""Options of the whole command line."""

import subprocess
import sys
from pathlib import Path

import pytest

import pulmo
from pulmo.competition import competition_names, find_competition
from tests.support import run_pulmo


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pulmo(capsys, "--version")[:2] == (0, f"pulmo {pulmo.__version__}\n")


@pytest.mark.parametrize("words", [(), ("osic",), ("osic", "run"), ("osic", "kernel", "build"), ("runs",)])
def test_help_has_a_short_name(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_pulmo(capsys, *words, "-h")
    assert code == 0
    assert "Usage: pulmo" in out


@pytest.mark.parametrize("name", competition_names())
def test_the_help_of_preset_lists_the_competitions_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run_pulmo(capsys, name, "run", "--help")
    words = " ".join(out.replace("│", " ").split())
    for preset in find_competition(name).presets:
        assert preset in words.partition("Preset of settings: ")[2].partition("[default")[0]


def test_a_file_in_the_place_of_the_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.csv").write_text("")
    for command in ("run", "check", "report"):
        code, _, err = run_pulmo(capsys, "osic", command, "--data", tmp_path / "train.csv")
        assert code == 1
        assert "train.csv: is a file, not the folder of Kaggle's files." in err
        assert f"--data takes the folder that the file is in: --data {tmp_path}." in err


def test_the_shell_completes_commands() -> None:
    environment = {
        "PYTHONPATH": str(Path(pulmo.__file__).parents[1]),
        "_PULMO_COMPLETE": "complete_bash",
        "COMP_WORDS": "pulmo osic com",
        "COMP_CWORD": "2",
    }
    command = [sys.executable, "-c", "from pulmo.__main__ import main; main()"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["compare"]
