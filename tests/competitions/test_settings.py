"""Settings that cannot work are refused when they are read, before anything is done: in every competition."""

import json
from pathlib import Path

import pytest

from pulmo.competition import competition_names, find_competition
from pulmo.errors import UserError
from pulmo.pipeline.setting_help import SettingHelp, describe_settings
from pulmo.pipeline.settings import Section, load_settings


def settings_of(name: str, *overrides: str, preset: str = "demo") -> Section:
    competition = find_competition(name)
    return load_settings(competition.settings, competition.config, preset, overrides)


@pytest.mark.parametrize(
    ("name", "overrides", "words"),
    [
        # demo: 4 times smaller, then halved 3 times; 32 = 4·2³.
        ("siim", ["features.pixels=100"], r"features\.pixels: is 100: .* of train_segmenter .* of 32\. .* 96 or 128"),
        ("siim", ["train_segmenter.depth=6"], r"is 128: .* multiple of 256\. Set features\.pixels to 256"),
        ("siim", ["train_segmenter.network=encoder", "features.pixels=48"], r"multiple of 32\. .* 32 or 64"),
        ("siim", ["train_segmenter.network=resnet", "features.pixels=100"], r"multiple of 8\. .* 96 or 104"),
        ("rsna", ["features.pixels=100"], r"is 100: the network of train_lungs needs a multiple of 16\. .* 96 or 112"),
        ("rsna", ["features.pixels=40", "train_lungs.folds=0", "train_segmenter.folds=0"], r"train_detector .* of 16"),
        ("rsna", ["train_detector.stride=3"], r"train_detector\.stride: is 3, .* Choose from 2, 4, 8, 16"),
        ("rsna", ["train_classifier.folds=2", "train_classifier.presence_head=false"], "has no presence head"),
        ("rsna", ["train_classifier.folds=2", "train_classifier.network=resnet"], "has no presence head"),
        ("rsna", ["train_segmenter.folds=0", "train_detector.folds=0"], "neither a segmenter nor a detector"),
        ("rsna", ["train_segmenter.thresholds=[0]"], r"train_segmenter\.thresholds\.0"),
        ("siim", ["fit_ensemble.mask_threshold=[-0.1]"], r"fit_ensemble\.mask_threshold\.0"),
        ("dsb", ["features.size=[0,8,8]"], r"features\.size\.0"),
        ("dsb", ["train_cnn.filters=[0]"], r"train_cnn\.filters\.0"),
        ("osic", ["train_cnn.filters=[0]"], r"train_cnn\.filters\.0"),
        *(
            (name, [f"{section}.{key}={value}"], rf"{section}\.{key}")
            for name, section in (("osic", "train_cnn"), ("siim", "train_segmenter"), ("dsb", "train_cnn"))
            for key, value in (
                ("learning_rate", "nan"),
                ("learning_rate", "inf"),
                ("learning_rate", "-0.1"),
                ("batch", "0"),
                ("epochs", "0"),
                ("parallel_folds", "0"),
                ("weight_decay", "nan"),
            )
        ),
        ("osic", ["train_gbm.learning_rate=inf"], r"train_gbm\.learning_rate"),
        ("osic", ["features.folds=0"], r"features\.folds"),
    ],
)
def test_what_cannot_work_is_named(name: str, overrides: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        settings_of(name, *overrides)


def test_a_family_that_is_left_out_asks_for_no_size() -> None:
    left_out = ["train_lungs.folds=0", "train_classifier.folds=0", "train_segmenter.folds=0"]
    settings_of("rsna", "features.pixels=48", *left_out)  # the detector's is 16


PRESETS = json.loads((Path(__file__).parent / "presets.json").read_text())
"""Of `full`, all values that have an effect; of every other preset, those that differ from it."""


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in PRESETS for preset in PRESETS[name]])
def test_a_preset_has_the_values_that_its_results_were_reported_with(name: str, preset: str) -> None:
    found = settings_of(name, preset=preset).model_dump(mode="json")
    for section, values in PRESETS[name]["full"].items():
        expected = {**values, **PRESETS[name][preset].get(section, {})}
        if expected.get("folds") == 0:
            expected = {"folds": 0}
        assert {key: found[section][key] for key in expected} == expected


@pytest.mark.parametrize("name", competition_names())
def test_every_setting_has_a_meaning(name: str) -> None:
    competition = find_competition(name)
    rows = describe_settings(competition)
    assert [row for row in rows if not row.meaning] == []


def test_a_setting_is_described() -> None:
    competition = find_competition("siim")
    rows = {f"{row.section}.{row.key}": row for row in describe_settings(competition, "fast")}
    assert rows["train_segmenter.rotation"] == SettingHelp(
        "train_segmenter", "rotation", "10.0", "degrees", "number, ≥ 0, ≤ 180", "at most, either way", {"demo": "0.0"}
    )
    assert rows["features.pixels"].value == "256"
    assert rows["features.pixels"].presets["fast"] == "256"
    assert rows["train_segmenter.network"].range == '"unet" | "resnet" | "encoder"'
    assert rows["train_segmenter.patience"].value == ""
    assert rows["train_segmenter.patience"].range == "whole number, or not set, ≥ 0"
    assert rows["fit_ensemble.mask_threshold"].range == "list of number, ≥ 0, ≤ 1, at least 1"
