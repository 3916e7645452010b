from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pulmo.models.osic_cnn import OsicCnnParameters, Scale, osic_cnn

SCALE = Scale(-1000, 400, 0.25)
SMALL = OsicCnnParameters(pixels=32, stem=4, filters=(4, 8), dense=5, dropout=0.2, start=-1.5)


def batch(pixels: int, patients: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    image = rng.integers(-1024, 400, (patients, pixels, pixels)).astype(np.int16)
    return {"image": image, "numbers": rng.normal(size=(patients, 6)).astype(np.float32)}


def predict(network: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(network(inputs, training=False)))


@pytest.fixture
def network() -> Any:
    keras.utils.set_random_seed(0)
    return osic_cnn(SMALL, 6, SCALE)


def test_parameters_counted_by_hand(network: Any) -> None:
    stem = 5 * 5 * 1 * 4 + 4
    first = 2 * (3 * 3 * 4 * 4 + 4)
    second = (3 * 3 * 4 * 8 + 8) + (3 * 3 * 8 * 8 + 8) + (1 * 1 * 4 * 8 + 8)
    numbers, met, lines = 6 * 5 + 5, (8 + 1 + 5) * 5 + 5, 5 * 5 + 5
    assert network.count_params() == stem + first + second + numbers + met + lines == 1460


def test_the_report_has_eight_blocks_and_fits_its_pictures() -> None:
    report = OsicCnnParameters(512, 16, (16, 16, 32, 32, 64, 64, 128, 128), 32, 0.3, -1.0)
    network = osic_cnn(report, 6, SCALE)
    additions = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
    assert len(additions) == 8
    # 512 → stem 256, then halved where filters double: 32, 64 and 128.
    assert additions[-1].output.shape == (None, 32, 32, 128)


def test_before_learning_everybody_has_the_line_it_starts_from(network: Any) -> None:
    lines = predict(network, batch(32))
    assert lines.shape == (3, 2, 3)
    np.testing.assert_allclose(lines, [[[-0.6931472, 0, 0.6931472], [-2.1931472, -1.5, -0.8068528]]] * 3, rtol=1e-6)


def test_both_branches_are_heard(network: Any) -> None:
    # Any other last layer than zeros, and every input changes what is found.
    last = next(layer for layer in reversed(network.layers) if isinstance(layer, keras.layers.Dense))
    last.kernel.assign(np.random.default_rng(1).normal(size=last.kernel.shape))
    inputs = batch(32)
    found = predict(network, inputs)
    for name in inputs:
        other = {**inputs, name: np.roll(inputs[name], 1, axis=0)}
        assert (predict(network, other) != found).any(axis=(1, 2)).all()


def test_saved_and_read_in_safe_mode_it_predicts_the_same(network: Any, tmp_path: Path) -> None:
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(predict(again, batch(32)), predict(network, batch(32)))
