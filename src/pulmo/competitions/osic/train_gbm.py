"""Quantile LightGBM on the change from one visit to a later one: visit pairs → out-of-fold quantiles, boosters."""

from collections.abc import Callable

from pulmo.competitions.osic.features import read_examples
from pulmo.competitions.osic.out_of_fold import fold_of_pairs, to_table
from pulmo.competitions.osic.settings import GbmSettings
from pulmo.models.quantile_gbm import QuantileGbm, fit_quantile_gbm
from pulmo.models.quantiles import Examples
from pulmo.pipeline.stage import Stage
from pulmo.training.checkpoints import load_gbm, save_gbm
from pulmo.training.cross_validation import cross_validate, fits_of

NAME = "gbm"


def run(stage: Stage, settings: GbmSettings) -> None:
    """Write `out_of_fold`, and the boosters of all patients into `models`."""
    pairs, examples = read_examples(stage)
    fold = fold_of_pairs(pairs, stage.read("features/folds"))
    fit = fitter(settings, stage.seed)

    def fit_once(number: int, rows: Examples) -> QuantileGbm:
        return load_gbm(stage.checkpoint(f"fold{number}", lambda folder: save_gbm(fit(number, rows), folder)))

    result = cross_validate(examples, fold, fit_once, stage.progress(fits_of(fold), "LightGBM folds"))
    stage.write("out_of_fold", to_table(pairs, {NAME: result.out_of_fold}))
    save_gbm(result.whole, stage.folder("models"))


def fitter(settings: GbmSettings, seed: int) -> Callable[[int, Examples], QuantileGbm]:
    """How a fold is fitted: its number, and the examples outside it → boosters."""
    return lambda number, examples: fit_quantile_gbm(examples, settings.parameters(), seed=1000 * seed + number)
