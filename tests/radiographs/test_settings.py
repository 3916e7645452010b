"""The least settings of X-rays, and their defaults."""

import pytest
from pydantic import ValidationError

from pulmo.radiographs.settings import ImageSettings


def test_defaults() -> None:
    assert ImageSettings() == ImageSettings(pixels=512, clahe_clip_limit=2.0, folds=5)


def test_the_least_values_are_accepted() -> None:
    ImageSettings(pixels=32, clahe_clip_limit=0, folds=2)


@pytest.mark.parametrize("value", [{"pixels": 31}, {"clahe_clip_limit": -0.01}, {"folds": 1}])
def test_lesser_values_are_refused(value: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to"):
        ImageSettings.model_validate(value)
