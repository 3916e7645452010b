from pathlib import Path

import keras
import numpy as np
import pytest

from pulmo.errors import UserError
from pulmo.models.encoders import backbone
from pulmo.training.pretrained import encoder_weights


def test_without_a_source_weights_are_random_and_it_is_noted() -> None:
    weights, sentence = encoder_weights("mobilenet_v2", None)
    assert weights is None
    assert "random weights" in sentence


def test_weights_come_from_the_file_whatever_the_size_of_the_images(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    learned = backbone("mobilenet_v2", 32)
    learned.save_weights(tmp_path / "learned.weights.h5")
    weights, sentence = encoder_weights("mobilenet_v2", tmp_path / "learned.weights.h5")
    assert weights is not None
    for one, other in zip(weights, learned.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert sentence == "The encoder mobilenet_v2 starts from the weights in learned.weights.h5"


def test_a_file_that_is_absent_or_of_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.h5: is not a file\. Give a file with the weights of mobilenet_v2"):
        encoder_weights("mobilenet_v2", tmp_path / "no.h5")
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    for name in ("other.weights.h5", "text.weights.h5"):
        path = tmp_path / name
        other.save_weights(path) if name.startswith("other") else path.write_text("words")
        with pytest.raises(UserError, match="does not fit the encoder mobilenet_v2"):
            encoder_weights("mobilenet_v2", path)
