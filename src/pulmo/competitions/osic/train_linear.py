"""Linear models of the change from one visit to a later one: pairs → out-of-fold quantiles, coefficients."""

from collections.abc import Callable

from pulmo.competitions.osic.features import read_examples
from pulmo.competitions.osic.out_of_fold import fold_of_pairs, to_table
from pulmo.competitions.osic.settings import LinearSettings
from pulmo.models.quantiles import Examples
from pulmo.models.robust_linear import KINDS, Kind, LinearQuantiles, fit_robust_linear
from pulmo.pipeline.stage import Stage
from pulmo.training.checkpoints import load_linear, save_linear
from pulmo.training.cross_validation import cross_validate


def run(stage: Stage, settings: LinearSettings) -> None:
    """Write `out_of_fold`, and the coefficients of each kind fitted to all patients into `models`."""
    pairs, examples = read_examples(stage)
    fold = fold_of_pairs(pairs, stage.read("features/folds"))
    fits = fitters(settings)
    folder = stage.folder("models")
    out_of_fold = {}
    for kind in stage.progress(KINDS, "linear models"):

        def fit_once(number: int, rows: Examples, kind: Kind = kind) -> LinearQuantiles:
            fit = fits[kind]
            kept = stage.checkpoint(
                f"{kind}{number}", lambda folder: save_linear(fit(number, rows), folder / "model.json")
            )
            return load_linear(kept / "model.json")

        result = cross_validate(examples, fold, fit_once)
        out_of_fold[str(kind)] = result.out_of_fold
        save_linear(result.whole, folder / f"{kind}.json")
    stage.write("out_of_fold", to_table(pairs, out_of_fold))


def fitters(settings: LinearSettings) -> dict[str, Callable[[int, Examples], LinearQuantiles]]:
    """How a fold is fitted, for each kind: its number (which changes nothing here), the examples outside it → model."""
    return {kind: _fitter(kind, settings) for kind in KINDS}


def _fitter(kind: Kind, settings: LinearSettings) -> Callable[[int, Examples], LinearQuantiles]:
    return lambda _, examples: fit_robust_linear(examples, kind, settings.parameters())
