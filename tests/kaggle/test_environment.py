"""The interpreter and the environment of a rehearsal."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from pulmo.errors import UserError
from pulmo.kaggle import environment
from pulmo.kaggle import image as image_module
from pulmo.kaggle.environment import Interpreter, find_interpreter, prepare_environment
from pulmo.kaggle.image import with_requirements

THIS = Interpreter(f"{sys.version_info[0]}.{sys.version_info[1]}", Path(sys.base_prefix))


def test_the_chosen_interpreter() -> None:
    command, found = find_interpreter(sys.executable)
    assert command == sys.executable
    assert found == THIS


def test_the_current_interpreter_where_kaggles_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PREFERRED", "python2.99")
    assert find_interpreter(None)[0] == sys.executable


def test_an_interpreter_that_does_not_run() -> None:
    with pytest.raises(UserError, match=r"false"):
        find_interpreter("false")  # a program that ends with one
    with pytest.raises(UserError, match=r"--python python2\.99: does not run"):
        find_interpreter("python2.99")


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of an image that has this Python, in a folder of one's own; pulmo requires two packages of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "own_requirements", lambda: [Requirement("numpy>=1"), Requirement("scikit-learn")])
    monkeypatch.setattr(image_module, "LISTS", tmp_path)
    (tmp_path / "kaggle-image-next.txt").write_text("# python: 3.99\n# date: 2027-01-01\n")
    return tmp_path / "kaggle-image.txt"


def listed(*lines: str) -> str:
    return "\n".join((f"# python: {THIS.version}", "# date: 2026-05-14", *lines, ""))


def test_the_environment_is_cached_until_the_image_changes(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        made.append(words)
        if words[1:3] == ["-m", "venv"]:
            Path(words[3]).mkdir(parents=True)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    image.write_text(listed(f"numpy=={version('numpy')}", "scikit-learn==0.0.1"))  # not what is here: none is linked
    folder = prepare_environment(sys.executable, THIS)
    assert prepare_environment(sys.executable, THIS) == folder
    assert [words[2:4] for words in made] == [["venv", str(folder)], ["pip", "--disable-pip-version-check"]]
    assert made[1][-2:] == ["numpy", "scikit-learn"]
    constraints = (folder / "constraints.txt").read_text().splitlines()
    assert constraints == [f"numpy=={version('numpy')}", "scikit-learn==0.0.1"]
    image.write_text(listed("numpy==0.0.2"))
    assert prepare_environment(sys.executable, THIS) != folder
    assert len(made) == 4


def test_installed_packages_are_linked(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = with_requirements(["scikit-learn"], THIS.version)
    image.write_text(listed(*(f"{name}=={version(name)}" for name in names)))
    run = subprocess.run

    def run_without_pip(words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert "install" not in words
        return run([*words, "--without-pip"], **options)  # which takes seconds and is not needed here

    monkeypatch.setattr(subprocess, "run", run_without_pip)
    folder = prepare_environment(sys.executable, THIS)
    program = "import sklearn, scipy, numpy; print(sklearn.__version__); import pandas"
    answer = run([folder / "bin/python", "-I", "-c", program], capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == version("scikit-learn")
    assert f"{len(names)} packages are linked …" in capsys.readouterr().err
    assert "No module named 'pandas'" in answer.stderr


def test_what_is_here_in_another_version_is_installed_beside_what_is_linked(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "with_requirements", lambda *_: ["joblib"])
    image.write_text(listed(f"numpy=={version('numpy')}", "scikit-learn==0.0.1"))
    asked: list[list[str]] = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    folder = prepare_environment(sys.executable, THIS)
    assert "1 packages are linked; 2 to install, which may take some minutes, once …" in capsys.readouterr().err
    packages = folder / f"lib/python{THIS.version}/site-packages"
    assert [(packages / name).exists() for name in ("numpy", "sklearn")] == [True, False]
    assert [words[-2:] for words in asked[1:]] == [["numpy", "scikit-learn"]]  # pip sees that numpy is there


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("no such version", "Connect to the internet once"),
        ('("Connection broken", OSError(28, "No space left on device"))', "Free 4 GB on the disk of "),
    ],
)
def test_an_image_that_cannot_be_installed(
    image: Path, monkeypatch: pytest.MonkeyPatch, said: str, remedy: str
) -> None:
    image.write_text(listed("numpy==0.0.0"))

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if words[1:3] == ["-m", "venv"]:
            Path(words[3]).mkdir(parents=True)
        return subprocess.CompletedProcess(words, int("pip" in words), "", f"{said}\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(UserError, match=re.escape(f"cannot be installed ({said}). {remedy}")):
        prepare_environment(sys.executable, THIS)


def test_a_package_that_the_image_lacks_is_refused(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image.write_text(listed("scikit-learn==0.0.1"))

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if words[1:3] == ["-m", "venv"]:
            info = Path(words[3], f"lib/python{THIS.version}/site-packages/stranger-1.0.dist-info")
            info.mkdir(parents=True)
            (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(UserError, match="its packages require stranger, which its list lacks"):
        prepare_environment(sys.executable, THIS)


def test_a_python_that_no_image_has(image: Path) -> None:
    image.write_text(listed())
    with pytest.raises(UserError, match=r"Python 2\.99: Kaggle's image has Python"):
        prepare_environment("python2.99", Interpreter("2.99", Path()))


def test_an_environment_that_cannot_be_made_is_an_error(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image.write_text(listed("numpy==0.0.0"))

    def run(words: list[str], check: bool = False, **_: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.CompletedProcess(words, 1, "", "")
        if check:
            done.check_returncode()
        return done

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(subprocess.CalledProcessError, match=r"'venv'.* returned non-zero exit status 1"):
        prepare_environment(sys.executable, THIS)
