"""The interpreter and the environment of a rehearsal."""

import subprocess
import sys
from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.kaggle import environment
from pulmo.kaggle.environment import Interpreter, find_interpreter, prepare_environment

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_the_one_wished_for() -> None:
    command, found = find_interpreter(sys.executable)
    assert command == sys.executable
    assert found == (HERE, Path(sys.base_prefix))


def test_this_one_where_kaggles_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PREFERRED", "python2.99")
    assert find_interpreter(None)[0] == sys.executable


def test_one_that_does_not_run() -> None:
    with pytest.raises(UserError, match=r"--python python2\.99: does not run"):
        find_interpreter("python2.99")


def test_the_environment_is_kept_until_the_image_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kernels").mkdir()
    Path("kernels/kaggle-image.txt").write_text("numpy==2.0.2\n")
    interpreter = Interpreter(HERE, Path(sys.base_prefix))

    made: list[list[str]] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        made.append(words)
        if words[1:3] == ["-m", "venv"]:
            Path(words[3]).mkdir(parents=True)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    folder = prepare_environment(sys.executable, interpreter)
    assert prepare_environment(sys.executable, interpreter) == folder
    assert [words[2:4] for words in made] == [["venv", str(folder)], ["pip", "--disable-pip-version-check"]]
    Path("kernels/kaggle-image.txt").write_text("numpy==2.1.0\n")
    assert prepare_environment(sys.executable, interpreter) != folder
    assert len(made) == 4


def test_an_image_that_cannot_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kernels").mkdir()
    Path("kernels/kaggle-image.txt").write_text("numpy==0.0.0\n")

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, int("pip" in words), "", "no such version\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(UserError, match=r"cannot be installed \(no such version\)"):
        prepare_environment(sys.executable, Interpreter(HERE, Path(sys.base_prefix)))
