"""What a setting means, from its field and its docstring."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from pulmo.competition import Competition, find_competition
from pulmo.pipeline.setting_help import describe_settings, toml
from pulmo.pipeline.settings import Section

CONFIG = """
[net]
epochs = 3
[presets.fast.net]
epochs = 1
[presets.long.net]
epochs = 3
angle = 5.0
"""


class Base(Section):
    """Inherited settings.

    Attributes:
        epochs: passes over the data.
        angle (degrees): the largest rotation,
            either way.

    What follows the attributes is none of them.
    """

    epochs: int = Field(ge=1)
    angle: float = Field(default=10.0, ge=0, lt=90)


class Net(Base):
    """A network.

    Attributes:
        loss: what is minimised.
        filters, scales: of each block.
    """

    loss: Literal["dice", "bce"] = "dice"
    filters: tuple[Annotated[int, Field(gt=0)], ...] = Field(default=(8, 16), min_length=2)
    scales: tuple[float, float] = (0.5, 1.0)
    flip: bool = Field(default=True, description="mirrored images")
    weights: Path | None = None
    patience: int | None = None
    name: str = "net"


class Settings(Section):
    net: Net


@pytest.fixture
def competition(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Competition:
    monkeypatch.setattr(Competition, "settings", Settings)
    monkeypatch.setattr(Competition, "config", CONFIG)
    return find_competition("toy")


def test_each_setting_in_words(competition: Competition) -> None:
    rows = {row.key: row for row in describe_settings(competition, "long", ["net.loss=bce"])}
    assert list(rows) == ["epochs", "angle", "loss", "filters", "scales", "flip", "weights", "patience", "name"]
    assert {row.section for row in rows.values()} == {"net"}
    assert {key: (row.value, row.range) for key, row in rows.items()} == {
        "epochs": ("3", "whole number, ≥ 1"),
        "angle": ("5.0", "number, ≥ 0, < 90"),
        "loss": ('"bce"', '"dice" | "bce"'),
        "filters": ("[8, 16]", "list of whole number, > 0, at least 2"),
        "scales": ("[0.5, 1.0]", "list of 2 × number"),
        "flip": ("true", "true or false"),
        "weights": ("", "file, or not set"),
        "patience": ("", "whole number, or not set"),
        "name": ('"net"', "text"),
    }
    assert {key: (row.unit, row.meaning) for key, row in rows.items()} == {
        "epochs": ("", "passes over the data"),
        "angle": ("degrees", "the largest rotation, either way"),
        "loss": ("", "what is minimised"),
        "filters": ("", "of each block"),
        "scales": ("", "of each block"),
        "flip": ("", "mirrored images"),
        "weights": ("", ""),
        "patience": ("", ""),
        "name": ("", ""),
    }
    changed = {key: row.presets for key, row in rows.items() if row.presets}
    assert changed == {"epochs": {"fast": "1"}, "angle": {"long": "5.0"}}


def test_the_values_of_a_file_of_settings(competition: Competition) -> None:
    (epochs, *_) = describe_settings(competition, config="[net]\nepochs = 7\n")
    assert (epochs.value, epochs.presets) == ("7", {"fast": "1"})


def test_values_as_toml() -> None:
    assert [toml(value) for value in (None, False, 2, "ä", Path("a/b"))] == ["", "false", "2", '"ä"', '"a/b"']
