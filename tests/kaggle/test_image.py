"""Kaggle's images as listed, and what is pinned because of them."""

import re
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pulmo.errors import UserError
from pulmo.kaggle import image
from pulmo.kaggle.image import LOCAL_ONLY, image_for, own_requirements, read_images, with_requirements
from tests.conftest import ROOT


def pins(python: str) -> dict[str, str]:
    """What requirements.txt pins under a Python."""
    lines = (re.sub(r"\s+#.*", "", line) for line in (ROOT / "requirements.txt").read_text().splitlines())
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement in requirements
        if (requirement.marker or Marker("extra == ''")).evaluate({"python_version": python, "extra": ""})
    }


def test_the_images() -> None:
    today, following = read_images()
    assert (today.python, today.date, len(today.versions)) == ("3.12", "2026-05-14", 721)  # pydicom and 720 more
    assert [today.versions[name] for name in ("numpy", "pydantic", "pydantic-core")] == ["2.0.2", "2.12.3", "2.41.4"]
    assert not {"connected-components-3d", "imagecodecs", "python-gdcm"} & set(today.versions)
    assert (following.python, following.date) == ("3.13", "2026-08-19")
    assert set(following.versions) == set(today.versions)
    assert [following.versions[name] for name in ("numpy", "pandas", "scipy")] == ["2.1.3", "2.2.3", "1.16.3"]


@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_what_is_pinned_is_the_images(python: str) -> None:
    current, _ = read_images()
    pinned = pins(python)
    different = {name for name in set(pinned) & set(current.versions) if pinned[name] != current.versions[name]}
    no_release_for_311 = {"tifffile"} if python == "3.11" else set()
    assert different == LOCAL_ONLY | no_release_for_311
    assert set(pinned) - set(current.versions) == {"connected-components-3d", "imagecodecs", "python-gdcm"}


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the newest of the ranges are installed, which nothing pins")
def test_all_that_pulmo_requires_is_pinned_closure_included() -> None:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    required = with_requirements([requirement.name for requirement in own_requirements()], python)
    assert required == set(pins(python))


def test_the_images_versions_are_within_pulmos_ranges() -> None:
    for listed in read_images():
        for requirement in own_requirements():
            if requirement.name in LOCAL_ONLY:
                continue
            version = listed.versions.get(canonicalize_name(requirement.name))
            assert version is None or requirement.specifier.contains(version), (listed.python, requirement)


def test_a_python_that_no_image_has() -> None:
    assert image_for("3.13").python == "3.13"
    with pytest.raises(UserError, match=r"Python 3\.11: Kaggle's image has Python 3\.12, the next one 3\.13"):
        image_for("3.11")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# date: 2026-05-14\nnumpy==2.0.2\n", "has no line `# python: …`"),
        ("# python: 3.12\n# date: 2026-05-14\nnumpy 2.0.2\n", "line 3: is 'numpy 2.0.2'"),
    ],
)
def test_a_list_that_is_damaged(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "LISTS", tmp_path)
    (tmp_path / "kaggle-image.txt").write_text(text)
    with pytest.raises(UserError, match=re.escape(message)):
        read_images()
