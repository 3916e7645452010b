"""What a kernel finds on Kaggle, and installs."""

import importlib.metadata
import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pulmo.errors import UserError
from pulmo.kaggle import runtime

MODULE = "pulmo_test_module_from_a_wheel"


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runtime, "INPUT", tmp_path / "input")
    (tmp_path / "input").mkdir()
    return tmp_path / "input"


@pytest.mark.parametrize("place", ["osic", "competitions/osic"])
def test_a_competition_is_found_in_either_place(mounts: Path, place: str) -> None:
    (mounts / place).mkdir(parents=True)
    assert runtime.competition_folder("osic") == mounts / place


@pytest.mark.parametrize("place", ["model", "datasets/ada/model"])
def test_a_dataset_is_found_in_either_place(mounts: Path, place: str) -> None:
    (mounts / place).mkdir(parents=True)
    assert runtime.dataset_folder("model") == mounts / place


def test_an_input_that_is_not_mounted_is_named(mounts: Path) -> None:
    (mounts / "other").mkdir()
    with pytest.raises(UserError, match=r"osic is not mounted \(mounted: other\)\. Add it to competition_sources"):
        runtime.competition_folder("osic")


def wheels_with(folder: Path, version: str, tag: str) -> None:
    folder.mkdir()
    info = f"{MODULE}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{MODULE}-1.0-{tag}.whl", "w") as opened:
        opened.writestr(f"{MODULE}.py", f"VERSION = {version!r}\n")
        opened.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {MODULE}\nVersion: 1.0\n")
        opened.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n")
        opened.writestr(f"{info}/RECORD", "")
    (folder / "index.json").write_text(json.dumps([{"name": MODULE, "version": "1.0", "modules": [MODULE]}]))


def test_missing_packages_are_installed_for_this_process(tmp_path: Path) -> None:
    wheels_with(tmp_path / "wheels", "brought", "py3-none-any")
    program = (
        "from pathlib import Path; from pulmo.kaggle.runtime import install_missing;"
        f"install_missing(Path({str(tmp_path / 'wheels')!r})); import {MODULE}; print({MODULE}.VERSION)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "brought\n"


def test_installed_packages_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('[{"name": "numpy", "version": "0.1", "modules": ["numpy"]}]')
    before = list(sys.path)
    runtime.install_missing(tmp_path)
    assert sys.path == before


def test_a_missing_wheel_is_named(tmp_path: Path) -> None:
    wheels_with(tmp_path / "wheels", "for another Python", "cp27-none-any")
    with pytest.raises(UserError) as caught:
        runtime.install_missing(tmp_path / "wheels")
    message = f"a missing package has no wheel for Python {PYTHON}: No matching distribution found for {MODULE}==1.0"
    assert message in str(caught.value)


NUMPY = importlib.metadata.version("numpy")
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def versions_with(folder: Path, python: str = PYTHON, **package: Any) -> Path:
    whole = {"name": "numpy", "version": NUMPY, "least": "1.26", "modules": ["numpy"], **package}
    (folder / "versions.json").write_text(json.dumps({"python": python, "packages": [whole]}))
    return folder


def test_the_versions_found_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runtime.check_versions(versions_with(tmp_path))
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"Python {platform.python_version()}, numpy {NUMPY}"


def test_a_version_that_was_not_rehearsed_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runtime.check_versions(versions_with(tmp_path, "3.2", version="1.99"))
    notes = capsys.readouterr().err.splitlines()[1:]
    assert notes == [
        f"  note: Python is {PYTHON} here; the kernel was built for 3.2",
        f"  note: numpy is {NUMPY} here; rehearsed with 1.99",
    ]


def test_a_module_from_another_package_is_of_unknown_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime.check_versions(versions_with(tmp_path, name="numpy-of-another-name", version="1.99"))
    assert "note: numpy-of-another-name is of unknown version here; rehearsed with 1.99" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ({"least": "99.1"}, f"numpy: is {NUMPY} here, and pulmo needs 99.1 or newer. Take the newest image"),
        (
            {"modules": ["numpy", MODULE]},
            "numpy: is neither installed nor among the wheels. Run `kernel build` again",
        ),
    ],
)
def test_missing_and_old_packages_are_errors(package: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        runtime.check_versions(versions_with(tmp_path, **package))
    assert message in str(caught.value)


def test_a_dataset_without_its_lists(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"versions\.json: there is no such file\. The dataset does not belong to"):
        runtime.check_versions(tmp_path)


@pytest.mark.parametrize(
    ("older", "newer"), [("1.9", "1.10"), ("2.0.2", "2.1"), ("5.9.5", "5.24"), ("2026.1.1", "2026.1.1.1"), ("", "0.1")]
)
def test_versions_are_compared_as_numbers(older: str, newer: str) -> None:
    assert runtime._numbers(older) < runtime._numbers(newer)


def test_zeros_and_local_parts_do_not_count() -> None:
    assert runtime._numbers("2") == runtime._numbers("2.0.0") == runtime._numbers("2.0+cu128")
