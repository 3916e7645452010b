import re
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, field_validator

from pulmo.errors import CommandLineError
from pulmo.pipeline.settings import Section, load_settings

CONFIG = """
[booster]
trees = 100
rate = 0.1
quantiles = [0.2, 0.8]

[presets.fast.booster]
trees = 10
"""


class Booster(Section):
    trees: int = Field(ge=1)
    rate: float = Field(lt=1)
    loss: Literal["squared", "absolute"] = "squared"
    quantiles: tuple[float, ...]


class Settings(Section):
    booster: Booster


def test_the_defaults_are_the_full_preset() -> None:
    assert load_settings(Settings, CONFIG).booster == Booster(trees=100, rate=0.1, quantiles=(0.2, 0.8))


def test_a_preset_replaces_only_what_it_names() -> None:
    booster = load_settings(Settings, CONFIG, "fast").booster
    assert (booster.trees, booster.rate) == (10, 0.1)


class Files(Section):
    table: Path | None = None
    weights: Literal["auto"] | Path | None = None

    @field_validator("weights")
    @classmethod
    def _absolute(cls, value: object) -> object:
        assert not isinstance(value, Path) or value.is_absolute()
        return value


class FileSettings(Section):
    files: Files = Files()


def test_a_tilde_in_a_path_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    overrides = ["files.table=~/half.csv", "files.weights='~/w.h5'"]
    files = load_settings(FileSettings, "", overrides=overrides).files
    assert (files.table, files.weights) == (tmp_path / "half.csv", tmp_path / "w.h5")
    assert load_settings(FileSettings, "", overrides=["files.weights=auto"]).files.weights == "auto"
    nobody = "~no-such-user/half.csv"
    assert load_settings(FileSettings, "", overrides=[f"files.table={nobody}"]).files.table == Path(nobody)


def test_an_override_wins_over_the_preset() -> None:
    settings = load_settings(Settings, CONFIG, "fast", ["booster.trees=7", "booster.quantiles=[0.5]"])
    assert (settings.booster.trees, settings.booster.quantiles) == (7, (0.5,))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("booster.tress=5", r"booster\.tress.*no such setting.*booster\.trees"),
        ("boster.trees=5", r"boster.*no such setting.*booster\.trees"),
        ("trees=5", r"trees.*no such setting.*booster\.trees"),
        ("somewhere_else_entirely.trees=5", r"no such setting\. Did you mean booster\.trees\?"),
        ("x=5", r"no such setting\. Choose from booster\.trees, booster\.rate, booster\.loss, booster\.quantiles"),
        ("booster.trees=many", r"booster\.trees: must be a whole number \(got 'many'\)"),
        ("booster.trees=1.5", r"booster\.trees: must be a whole number \(got 1\.5\)"),
        ("booster.trees=0", r"booster\.trees: must be at least 1 \(got 0\)"),
        ("booster.rate=1", r"booster\.rate: must be less than 1 \(got 1"),
        ("booster.rate='fast'", r"booster\.rate: must be a number \(got 'fast'\)"),
        ("booster.quantiles=0.5", r"booster\.quantiles: must be a list in brackets, such as \[1, 2\] \(got 0\.5\)"),
        (
            "booster.loss=squred",
            r"booster\.loss: must be 'squared' or 'absolute' \(got 'squred'\). Did you mean squared\?",
        ),
        ("booster.loss=x", r"booster\.loss.* Choose from squared, absolute"),
        ("booster=3", r"booster: is a section, not a setting \(got 3\)"),
        ("booster.trees", r"section\.key=value"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_near(override: str, words: str) -> None:
    with pytest.raises(CommandLineError) as error:
        load_settings(Settings, CONFIG, overrides=[override])
    assert re.search(words, str(error.value), re.DOTALL)


def test_an_unknown_preset_lists_the_known() -> None:
    with pytest.raises(CommandLineError, match=r"Choose from fast, full\."):
        load_settings(Settings, CONFIG, "slow")
    with pytest.raises(CommandLineError, match=r"Did you mean fast\? There are fast, full"):
        load_settings(Settings, CONFIG, "fats")


def test_settings_are_frozen() -> None:
    settings = load_settings(Settings, CONFIG)
    with pytest.raises(ValueError, match="frozen"):
        settings.booster.trees = 5


class Kinds(Section):
    flip: bool = True
    name: str = "a"
    table: Path | None = None
    share: float = Field(default=0.5, gt=0, le=1)
    needed: int


class KindSettings(Section):
    kinds: Kinds


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("kinds.flip=1", "must be true or false (got 1)"),
        ("kinds.name=3", "must be text in quotation marks (got 3)"),
        ("kinds.table=3", "must be text in quotation marks (got 3)"),
        ("kinds.share=0", "must be greater than 0 (got 0"),
        ("kinds.share=1.5", "must be at most 1 (got 1.5)"),
        ("kinds.share=nan", "(got nan)"),
    ],
)
def test_each_kind_of_value_in_words(override: str, words: str) -> None:
    with pytest.raises(CommandLineError) as error:
        load_settings(KindSettings, "[kinds]\nneeded = 1\n", overrides=[override])
    assert words in str(error.value)


def test_a_setting_without_a_value_is_named() -> None:
    with pytest.raises(CommandLineError, match=r"setting kinds\.needed: has no value\. Give it one in the file"):
        load_settings(KindSettings, "[kinds]\nflip = false\n")


def test_a_preset_extends_another() -> None:
    config = "[kinds]\nneeded = 1\n[presets.a.kinds]\nneeded = 2\nname = 'b'\n[presets.c]\nextends = 'a'\n"
    config += "[presets.c.kinds]\nneeded = 3\n[presets.d]\nextends = 'c'\n"
    found = [load_settings(KindSettings, config, preset).kinds for preset in ("full", "a", "c", "d")]
    assert [(kinds.needed, kinds.name) for kinds in found] == [(1, "a"), (2, "b"), (3, "b"), (3, "b")]


def test_a_settings_file_of_a_run_is_read_as_a_config() -> None:
    config = "[run]\nname = 'mine'\n[kinds]\nneeded = 4\n"
    assert load_settings(KindSettings, config).kinds.needed == 4
