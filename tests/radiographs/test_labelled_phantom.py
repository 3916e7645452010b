"""Drawn X-rays with labels: equal bytes of equal settings, different images of different labels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.phantom import distractors
from pulmo.radiographs import labelled_phantom
from pulmo.radiographs.labelled_phantom import (
    ImagePlaces,
    LabelledCase,
    _random_labels,
    draw_labelled_image,
    draw_labelled_images,
)
from pulmo.radiographs.phantom import ImageOrder, RadiographPhantomSettings
from pulmo.radiographs.reading import read_image

FINDINGS = {"effusion": distractors.effusion, "pacemaker": distractors.pacemaker}


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def map_all(function: Callable[[Any], Any], items: dict[str, Any], progress: Any = None) -> None:
        for item in items.values():
            function(item)

    monkeypatch.setattr(labelled_phantom, "map_all", map_all)


def test_tables_name_the_images_that_are_there(tmp_path: Path) -> None:
    def drawn(folder: Path) -> dict[str, bytes]:
        places = ImagePlaces(folder / "train", folder / "test", ".png")
        train, test = draw_labelled_images(places, FINDINGS, RadiographPhantomSettings(24, 6, 0, 32))
        assert list(train) == list(test) == ["image", "patient", "effusion", "pacemaker"]
        for table, images in ((train, "train"), (test, "test")):
            assert sorted(table["image"]) == sorted(path.stem for path in (folder / images).iterdir())
        assert 1 < train["patient"].nunique() < len(train)
        assert not set(train["patient"]) & set(test["patient"])
        with pytest.raises(ScanError):
            read_image(folder / "train" / f"{train['image'].iloc[-1]}.png")
        return {path.name: path.read_bytes() for path in folder.rglob("*.png")}

    assert drawn(tmp_path / "one") == drawn(tmp_path / "other")


def test_a_label_is_seen(tmp_path: Path) -> None:
    def grey(*findings: labelled_phantom.DrawFinding) -> np.ndarray:
        path = tmp_path / f"{len(findings)}.png"
        draw_labelled_image(ImageOrder(path, LabelledCase("a", 1, 2, findings), 64))
        return read_image(path).grey.astype(int)

    # A pacemaker is a bright box below the left clavicle: on the image's right.
    brighter = grey(distractors.pacemaker) - grey() > 40
    assert brighter[:, 32:].sum() > 20


@pytest.mark.parametrize("seed", range(6))
def test_the_images_of_a_patient_follow_each_other(seed: int) -> None:
    patients = _random_labels(np.random.default_rng(seed), 20, [])["patient"]
    changes = int((patients != patients.shift()).sum())
    assert changes == patients.nunique() < 20
