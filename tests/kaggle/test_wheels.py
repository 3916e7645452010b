"""Which wheels fit, and how their licences are read; none is downloaded."""

import json
import subprocess
from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.kaggle import wheels
from pulmo.kaggle.packages import Package
from tests.kaggle.test_build import write_wheel

PACKAGE = Package("Some.Thing", "1.10", ("some_thing",))


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("some_thing-1.10-cp312-cp312-manylinux_2_28_x86_64.whl", True),
        ("some_thing-1.10-cp312-cp312-manylinux_2_35_x86_64.whl", True),
        ("some_thing-1.10-cp312-cp312-manylinux_2_36_x86_64.whl", False),  # a newer glibc
        ("some_thing-1.10-cp312-cp312-manylinux_2_5_x86_64.whl", True),
        ("some_thing-1.10-cp310-abi3-manylinux2014_x86_64.whl", True),
        ("some_thing-1.10-py3-none-any.whl", True),
        ("some_thing-1.10-cp313-cp313-manylinux_2_28_x86_64.whl", False),
        ("some_thing-1.10-cp312-cp312-manylinux_2_28_aarch64.whl", False),
        ("some_thing-1.1-py3-none-any.whl", False),
        ("another_thing-1.10-py3-none-any.whl", False),
        ("no_wheel.whl", False),
    ],
)
def test_a_wheel_of_that_version_for_kaggles_machines(tmp_path: Path, name: str, fits: bool) -> None:
    (tmp_path / name).touch()
    assert wheels._find(tmp_path, PACKAGE, "3.12") == (tmp_path / name if fits else None)


def test_cached_wheels_are_collected_with_an_index_and_licences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    second = Package("zeta", "2.0", ())
    for package in (PACKAGE, second):
        write_wheel(wheels.CACHE / "3.12", package._replace(name=package.name.replace(".", "-").lower()), "3.12")
    write_wheel(Path("built"), Package("old", "1.0", ()), "3.12")  # of an earlier build
    found = wheels.collect_wheels({"3.12": [second, PACKAGE]}, Path("built"))
    assert found == [("Some.Thing", "1.10", "MIT"), ("zeta", "2.0", "MIT")]
    assert len(list(Path("built").glob("*.whl"))) == 2
    assert [entry["name"] for entry in json.loads(Path("built/index.json").read_text())] == ["Some.Thing", "zeta"]
    assert Path("built/licences.csv").read_text() == "package,version,licence\nSome.Thing,1.10,MIT\nzeta,2.0,MIT\n"


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT\nLicense: BSD\n", "MIT"),
        ("License: BSD\nClassifier: License :: OSI Approved :: MIT License\n", "BSD"),
        ("License: \nClassifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("Classifier: License :: A\nClassifier: Topic :: B\nClassifier: License :: C\n", "A; C"),
        ("License: Apache\n  and so on\n", "Apache"),
        ("Name: unlicensed\n", "unknown"),
    ],
)
def test_the_licence_that_a_wheel_names(tmp_path: Path, metadata: str, licence: str) -> None:
    package = Package("some-thing", "1.0", ())
    write_wheel(tmp_path, package, "3.12", metadata)
    assert wheels._licence(tmp_path, package) == licence


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [("WARNING: a\nERROR: first\nERROR: no such version\nnote", "no such version"), ("", "pip gave no reason")],
)
def test_pips_last_error_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, reason: str
) -> None:
    answer = subprocess.CompletedProcess([], 1, stdout="", stderr=stderr)
    monkeypatch.setattr("pulmo.kaggle.wheels.subprocess.run", lambda *_, **__: answer)
    with pytest.raises(UserError) as caught:
        wheels._download("3.12", [PACKAGE], tmp_path)
    assert str(caught.value) == (
        f"Some.Thing: no wheel could be downloaded for Python 3.12 ({reason}). "
        "Connect to the internet once: wheels are cached in work/wheels."
    )
