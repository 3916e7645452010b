from pathlib import Path

import numpy as np

from pulmo.models.quantile_gbm import GbmParameters, fit_quantile_gbm
from pulmo.models.quantiles import Examples
from pulmo.models.robust_linear import LinearParameters, fit_robust_linear
from pulmo.training.checkpoints import load_gbm, load_linear, save_gbm, save_linear

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
