"""A model is whole and of the competition that reads it, or it is refused in words: in every competition."""

import importlib
from functools import partial
from pathlib import Path

import keras
import pytest

from pulmo.competition import competition_names, find_competition
from pulmo.errors import UserError
from pulmo.pipeline.model_folder import Family, Source, competition_of, reading_model, write_model
from pulmo.training.checkpoints import SavedNetworks
from pulmo.training.inference import MeanPredictor, OutputPredictor

WITH_READERS = [name for name in competition_names() if find_competition(name).has("trained_model")]


@pytest.mark.parametrize("name", WITH_READERS)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, r"ensemble\.json: is missing from the model"),
        ('{"competition": "other"}', r"ensemble\.json: is a model of other, not of {name}\. .*pulmo {name} run"),
        ('{"competition": "{name}"}', r"ensemble\.json: has no '\w+': it is damaged, or made by another version"),
        ("{}", r"ensemble\.json: does not name the model's competition"),
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
        importlib.import_module(find_competition(name).module_name("trained_model")).read_model(tmp_path)


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    for name in ("masks/fold0.keras", "masks/fold1.keras", "trees/q50.txt"):
        (tmp_path / "stages" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "stages" / name).write_text(name)
    (tmp_path / "stages/none").mkdir()
    (tmp_path / "model").mkdir()
    families = {
        "segmenter": Source(tmp_path / "stages/masks", tta_flip=True),
        "gbm": Source(tmp_path / "stages/trees"),
        "classifier": Source(tmp_path / "stages/none", tta_flip=True),
    }
    write_model(tmp_path / "model", "siim", {"pixels": 64}, families)
    with reading_model(tmp_path / "model", "siim") as (record, read):
        assert record["pixels"] == 64
    networks = tuple(tmp_path / "model/segmenter" / f"fold{number}.keras" for number in range(2))
    assert read == {"segmenter": Family(networks, True), "gbm": Family((), False), "classifier": Family((), True)}
    assert (tmp_path / "model/gbm/q50.txt").read_text() == "trees/q50.txt"
    assert not (tmp_path / "model/classifier").exists()
    for network in networks:
        network.unlink()
    with pytest.raises(UserError) as refused, reading_model(tmp_path / "model", "siim"):
        pass
    assert [Path(fault.where) for fault in refused.value.faults] == list(networks)


def test_a_damaged_network_and_one_for_other_images_are_named(tmp_path: Path) -> None:
    image = keras.Input((4, 4), dtype="uint8", name="image")
    small = keras.Model({"image": image}, keras.layers.Rescaling(1 / 255)(image))
    small.save(tmp_path / "fold0.keras")
    whole = (tmp_path / "fold0.keras").read_bytes()
    (tmp_path / "fold1.keras").write_bytes(whole[: len(whole) // 2])
    predictor = partial(OutputPredictor, name="mask")
    with pytest.raises(UserError, match=r"fold0\.keras: is a network for images of \(4, 4\), not of \(8, 8\)"):
        MeanPredictor([tmp_path / "fold0.keras"], (8, 8), predictor)
    with pytest.raises(UserError, match=r"fold1\.keras: cannot be read as one of the model's networks"):
        MeanPredictor([tmp_path / "fold0.keras", tmp_path / "fold1.keras"], (4, 4), predictor)
    with pytest.raises(UserError, match=r"fold1\.keras: cannot be read"):
        SavedNetworks([tmp_path / "fold1.keras"])


def test_the_competition_of_a_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a trained model: it holds no ensemble\.json\. Name the model/ folder"):
        competition_of(tmp_path)
    for text, error in (('{"name": "siim"}', "'competition'"), ("[]", "list"), ("{", "Expecting")):
        (tmp_path / "ensemble.json").write_text(text)
        with pytest.raises(UserError, match=rf"does not name the model's competition \(.*{error}.*Copy the whole"):
            competition_of(tmp_path)
    (tmp_path / "ensemble.json").write_text('{"competition": "siim"}')
    assert competition_of(tmp_path) == "siim"
