"""What a kernel finds on Kaggle, and installs."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.kaggle import on_kaggle

MODULE = "pulmo_test_module_from_a_wheel"


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(on_kaggle, "INPUT", tmp_path / "input")
    (tmp_path / "input").mkdir()
    return tmp_path / "input"


@pytest.mark.parametrize("place", ["osic", "competitions/osic"])
def test_a_competition_is_found_in_either_place(mounts: Path, place: str) -> None:
    (mounts / place).mkdir(parents=True)
    assert on_kaggle.competition_folder("osic") == mounts / place


@pytest.mark.parametrize("place", ["model", "datasets/ada/model"])
def test_a_dataset_is_found_in_either_place(mounts: Path, place: str) -> None:
    (mounts / place).mkdir(parents=True)
    assert on_kaggle.dataset_folder("model") == mounts / place


def test_what_is_not_mounted_is_named(mounts: Path) -> None:
    (mounts / "other").mkdir()
    with pytest.raises(UserError, match=r"has no osic, but other\. Name it in competition_sources"):
        on_kaggle.competition_folder("osic")


def wheels_with(folder: Path, version: str, tag: str) -> None:
    folder.mkdir()
    info = f"{MODULE}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{MODULE}-1.0-{tag}.whl", "w") as opened:
        opened.writestr(f"{MODULE}.py", f"VERSION = {version!r}\n")
        opened.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {MODULE}\nVersion: 1.0\n")
        opened.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n")
        opened.writestr(f"{info}/RECORD", "")
    (folder / "index.json").write_text(json.dumps([{"name": MODULE, "version": "1.0", "modules": [MODULE]}]))


def test_what_cannot_be_imported_is_installed_for_this_process(tmp_path: Path) -> None:
    wheels_with(tmp_path / "wheels", "brought", "py3-none-any")
    program = (
        "from pathlib import Path; from pulmo.kaggle.on_kaggle import install_missing;"
        f"install_missing(Path({str(tmp_path / 'wheels')!r})); import {MODULE}; print({MODULE}.VERSION)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "brought\n"


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('[{"name": "numpy", "version": "0.1", "modules": ["numpy"]}]')
    before = list(sys.path)
    on_kaggle.install_missing(tmp_path)
    assert sys.path == before


def test_a_missing_wheel_is_named(tmp_path: Path) -> None:
    wheels_with(tmp_path / "wheels", "for another Python", "cp27-none-any")
    with pytest.raises(UserError, match=f"what is missing: No matching distribution found for {MODULE}==1.0"):
        on_kaggle.install_missing(tmp_path / "wheels")
