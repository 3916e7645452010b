from pathlib import Path

import keras
import numpy as np
import pytest

from pulmo.errors import UserError
from pulmo.models.encoders import application
from pulmo.models.quantile_gbm import GbmParameters, fit_quantile_gbm
from pulmo.models.quantiles import Examples
from pulmo.models.robust_linear import LinearParameters, fit_robust_linear
from pulmo.training.checkpoints import encoder_weights, load_gbm, load_linear, save_gbm, save_linear

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(200, 3))
EXAMPLES = Examples(
    FEATURES, FEATURES @ [3.0, 2.0, 1.0] + RNG.normal(size=200), np.ones(200), np.arange(200), np.ones(200, bool)
)


def test_boosters_come_back_exactly_and_are_written_alike(tmp_path: Path) -> None:
    model = fit_quantile_gbm(EXAMPLES, GbmParameters(10, 0.1, 4, 10, 1.0, 1.0, 0.0, 1), seed=0)
    (tmp_path / "second").mkdir()
    save_gbm(model, tmp_path)
    read = load_gbm(tmp_path)
    save_gbm(read, tmp_path / "second")
    assert read.predict(FEATURES).tobytes() == model.predict(FEATURES).tobytes()
    names = sorted(path.name for path in tmp_path.glob("*.txt"))
    assert names == ["q20.txt", "q50.txt", "q80.txt"]
    again = load_gbm(tmp_path / "second")
    assert again.predict(FEATURES).tobytes() == model.predict(FEATURES).tobytes()


def test_linear_models_come_back_exactly(tmp_path: Path) -> None:
    model = fit_robust_linear(EXAMPLES, "huber", LinearParameters(1.1, 1.0, 0.1, 0.5, 0.1))
    save_linear(model, tmp_path / "huber.json")
    assert load_linear(tmp_path / "huber.json").predict(FEATURES).tobytes() == model.predict(FEATURES).tobytes()


def test_without_a_file_weights_are_random_and_it_is_noted() -> None:
    weights, sentence = encoder_weights("mobilenet_v2", None)
    assert weights is None
    assert "random weights" in sentence


def test_weights_come_from_the_file_whatever_the_size_of_the_images(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    learned = application("mobilenet_v2", 32)
    learned.save_weights(tmp_path / "learned.weights.h5")
    weights, sentence = encoder_weights("mobilenet_v2", tmp_path / "learned.weights.h5")
    assert weights is not None
    for one, other in zip(weights, learned.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert sentence == "The encoder mobilenet_v2 starts from the weights in learned.weights.h5"


def test_a_file_that_is_absent_or_of_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.h5: is not a file\. Give the file of mobilenet_v2"):
        encoder_weights("mobilenet_v2", tmp_path / "no.h5")
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    for name in ("other.weights.h5", "text.weights.h5"):
        path = tmp_path / name
        other.save_weights(path) if name.startswith("other") else path.write_text("words")
        with pytest.raises(UserError, match="does not fit the encoder mobilenet_v2"):
            encoder_weights("mobilenet_v2", path)
