"""Images read once into one array, in the order of their files; unreadable ones are black and named."""

import json
from pathlib import Path

import numpy as np
import pytest

from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import HEADER, ImageFormat, cache_images
from tests.radiographs.support import read_json_image, stage_of

RAMP = np.arange(0, 256, 16).reshape(4, 4)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage that may write `images`."""
    return stage_of(tmp_path, tmp_path / "work", monkeypatch)


def files_of(folder: Path, *contents: str) -> dict[str, Path]:
    """Files a, b … with these texts."""
    files = {name: folder / f"{name}.json" for name, _ in zip("abcdefgh", contents, strict=False)}
    for path, content in zip(files.values(), contents, strict=True):
        path.write_text(content)
    return files


def test_images_are_shrunk_by_the_mean_over_each_pixels_area(stage: Stage) -> None:
    files = files_of(stage.data, json.dumps(RAMP.tolist()), "[[7, 7], [7, 7]]")
    headers = cache_images(stage, "images", files, ImageFormat(2, reader=read_json_image))
    images = np.load(stage.workspace / "images.npy")
    assert images.dtype == np.uint8
    # (0 + 16 + 64 + 80) / 4 = 40, and two columns of 16 or two rows of 64 further.
    assert images.tolist() == [[[40, 72], [168, 200]], [[7, 7], [7, 7]]]
    assert headers.columns.to_list() == HEADER
    assert headers[["rows", "columns"]].to_numpy().tolist() == [[4, 4], [2, 2]]
    assert headers["error"].isna().all()
    assert stage.notes == []


def test_a_clip_limit_above_0_equalizes(stage: Stage) -> None:
    """Half of the ramp's levels, which contrast limited equalization spreads again."""
    files = files_of(stage.data, json.dumps((RAMP // 2).tolist()))
    cache_images(stage, "images", files, ImageFormat(4, 2.0, read_json_image))
    equalized = np.load(stage.workspace / "images.npy")
    assert (equalized != RAMP // 2).any()


@pytest.mark.parametrize(("broken", "named", "further"), [(1, 1, None), (3, 3, None), (5, 3, 2)])
def test_the_first_three_unreadable_images_are_named(
    stage: Stage, broken: int, named: int, further: int | None
) -> None:
    files = files_of(stage.data, "[[9]]", *["no JSON"] * broken)
    headers = cache_images(stage, "images", files, ImageFormat(2, reader=read_json_image))
    assert headers["error"].notna().tolist() == [False, *[True] * broken]
    images = np.load(stage.workspace / "images.npy")
    assert images.max(axis=(1, 2)).tolist() == [9, *[0] * broken]
    assert [note.startswith("An image is left out: ") for note in stage.notes[:named]] == [True] * named
    rest = [f"{further} more images are left out: they cannot be read either"] if further else []
    assert list(stage.notes[named:]) == rest
