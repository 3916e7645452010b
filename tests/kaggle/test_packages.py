"""Packages of libraries: what an image lacks, what a kernel expects."""

from importlib.metadata import version

import pytest

from pulmo.kaggle import packages
from pulmo.kaggle.image import Image
from pulmo.kaggle.packages import expected_packages, missing_packages

IMAGE = Image("3.12", "2026-05-14", {"numpy": "2.0.2"})


def test_the_lacking_package_has_the_version_here_and_its_modules() -> None:
    (found,) = missing_packages({"numpy", "cc3d"}, IMAGE)
    assert (found.name, found.version) == ("connected-components-3d", version("connected-components-3d"))
    assert found.modules == ("cc3d",)


def test_expected_packages_have_the_images_version_or_the_one_here() -> None:
    first, second = expected_packages({"numpy", "cc3d"}, IMAGE)
    assert (first.name, first.version, first.least) == (
        "connected-components-3d",
        version("connected-components-3d"),
        "3.17",  # pyproject.toml
    )
    assert (second.name, second.version, second.least, second.modules) == ("numpy", "2.0.2", "2.0", ("numpy",))


def test_a_package_with_several_of_the_libraries_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    provides = {"b": ["Two.Modules"], "a": ["two-modules"], "c": ["other"]}
    monkeypatch.setattr(packages, "distributions", lambda: provides)
    assert packages._packages_of(["b", "a", "nothing"]) == {"two-modules": ["a", "b"]}


def test_modules_that_can_be_imported() -> None:
    names = ["json", "_json", "no-identifier", "pulmo_module_that_is_nowhere", "ast"]
    assert packages._importable(names) == ("ast", "json")
