"""A model is whole and of the competition that reads it, or it is refused in words: in every competition."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from pulmo.training.masks import predict_folds
from pulmo.training.saved_networks import SavedNetworks

from pulmo.competition import competition_names, find_competition
from pulmo.errors import UserError
from pulmo.training.model_folder import fold_networks, reading_record, write_record


@pytest.mark.parametrize("name", competition_names())
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, r"ensemble\.json: is missing from the model"),
        ('{"competition": "other"}', r"ensemble\.json: is a model of other, not of {name}\. .*pulmo {name} run"),
        ('{"competition": "{name}"}', r"ensemble\.json: has no '\w+': it is damaged, or made by another version"),
        ("{}", r"ensemble\.json: does not say which competition the model is of"),
        ('{"competition": "{na', "cannot be read as a whole model"),
        ("[1]", "cannot be read as a whole model"),
    ],
)
def test_what_is_no_model_of_the_competition_is_refused(
    name: str, text: str | None, words: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "ensemble.json").write_text(text.replace("{name}", name))
    with pytest.raises(UserError, match=words.replace("{name}", name)):
        find_competition(name).module("trained_model").read_model(tmp_path)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_record(tmp_path, "siim", {"pixels": 64})
    with reading_record(tmp_path, "siim") as record:
        assert record == {"competition": "siim", "pixels": 64}
    assert json.loads((tmp_path / "ensemble.json").read_text())["pixels"] == 64


def test_missing_networks_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "fold1.keras").touch()
    with pytest.raises(UserError) as told:
        fold_networks(tmp_path, 3)
    assert [Path(fault.where).name for fault in told.value.faults] == ["fold0.keras", "fold2.keras"]
    assert fold_networks(tmp_path, 0) == ()


def test_a_damaged_network_and_one_for_other_images_are_named(tmp_path: Path) -> None:
    image = keras.Input((4, 4), dtype="uint8", name="image")
    small = keras.Model({"image": image}, {"mask": keras.layers.Rescaling(1 / 255)(image)})
    small.save(tmp_path / "fold0.keras")
    whole = (tmp_path / "fold0.keras").read_bytes()
    (tmp_path / "fold1.keras").write_bytes(whole[: len(whole) // 2])
    images = np.zeros((2, 8, 8), np.uint8)
    with pytest.raises(UserError, match=r"fold0\.keras: is a network for images of \(4, 4\), not of \(8, 8\)"):
        predict_folds([tmp_path / "fold0.keras"], False, images)
    with pytest.raises(UserError, match=r"fold1\.keras: cannot be read as one of the model's networks"):
        predict_folds([tmp_path / "fold0.keras", tmp_path / "fold1.keras"], False, images[:, :4, :4])
    with pytest.raises(UserError, match=r"fold1\.keras: cannot be read"):
        SavedNetworks([tmp_path / "fold1.keras"])
