"""The competition's protocol: a held-out patient shows only the first visit, and everything is fitted on the others.

Inside each training part, folds of folds give the out-of-fold predictions on which weights and Confidence are fitted;
the models that forecast are then fitted to all of it, just as for `predict`. Nothing is chosen by the rows it is scored
on.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import compare_means
from pulmo.competitions.osic import train_gbm, train_linear
from pulmo.competitions.osic.ensemble import Forecast, filled, fit_weights_and_confidence, forecast_fvc
from pulmo.competitions.osic.features import read_examples
from pulmo.competitions.osic.nested_networks import NestedNetworks
from pulmo.competitions.osic.settings import Settings
from pulmo.competitions.osic.trained_model import NETWORK, ensemble_record
from pulmo.errors import DivergedError, Fault, UserError
from pulmo.models.quantiles import Examples, QuantileModel, laplace_sd
from pulmo.pipeline.stage import Stage, load, save
from pulmo.scoring.laplace import laplace_log_likelihood
from pulmo.training.cross_validation import cross_validate
from pulmo.training.folds import folds_by_group

REFERENCE_CONFIDENCE_ML = 225.0
CONSTANT, LINEAR_DECAY, ENSEMBLE = "constant FVC, 225", "linear decay, 225", "ensemble"
_TRUTH = ["patient", "visit_to", "gap_weeks", "is_last_three"]


def run(stage: Stage, settings: Settings) -> None:
    """Write `predictions` of every held-out visit by every model, the `table` of scores, and `scores` as JSON."""
    pairs, examples = read_examples(stage)
    _check_folds(pairs["patient"].nunique(), settings)
    rounds = [(repeat, fold) for repeat in range(settings.cv.repeats) for fold in range(settings.cv.folds)]
    parts, ensembles = [], []
    networks = NestedNetworks.of(stage, settings, pairs)
    for repeat, fold in stage.progress(rounds, "held-out folds"):
        seed = stage.seed + repeat
        dealt = folds_by_group(pairs["patient"].to_numpy(), settings.cv.folds, seed)
        from_networks = None if networks is None else networks.quantiles(dealt, fold, seed)
        make = partial(_write_fold, pairs, examples, dealt == fold, settings, seed, from_networks)
        name = f"repeat{repeat}_fold{fold}"
        try:
            piece = stage.checkpoint(name, make)
        except DivergedError as error:
            raise error.within(name) from None
        parts.append(load(piece / "predictions.parquet").assign(repeat=repeat, fold=fold))
        ensembles.append(load(piece / "ensemble.json"))
    predictions = pd.concat(parts, ignore_index=True)
    table = score_table(predictions)
    stage.write("predictions", predictions)
    stage.write("table", table)
    stage.write("scores", _scores(stage, settings, table, ensembles))


def _check_folds(patients: int, settings: Settings) -> None:
    """Of every fold held out, the patients left must fill the inner folds."""
    folds = settings.cv.folds
    left = patients - -(-patients // folds)
    if folds > patients or left < settings.features.folds:
        what = f"is {folds}, but {patients} patients were seen more than once"
        remedy = f"Set it to at most {patients}" if folds > patients else "Set it higher, or features.folds lower"
        raise UserError(Fault("setting cv.folds", what, remedy))


def hold_out(
    pairs: pd.DataFrame,
    examples: Examples,
    held_out: np.ndarray,
    settings: Settings,
    seed: int,
    network_quantiles: np.ndarray | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Fit on some patients, forecast the later visits of the others from their first.

    Args:
        pairs: all visit pairs.
        examples: the same as training examples.
        held_out: which pairs are of patients held out, (pairs,) bool.
        settings: of the models and the ensemble.
        seed: of inner folds and boosters.
        network_quantiles: the network's quantiles of all pairs, (pairs, 3); see `NestedNetworks`.

    Returns:
        One row a held-out later visit and model: `patient`, `visit_to`, `gap_weeks`, `is_last_three`, `fvc_true_ml`,
        `model`, `fvc_ml`, `confidence_ml`; and the ensemble as JSON.
    """
    from_baseline = pairs["is_baseline_pair"].to_numpy()
    known, requested_rows = ~held_out & from_baseline, held_out & from_baseline
    inner = folds_by_group(pairs.loc[~held_out, "patient"].to_numpy(), settings.features.folds, seed)
    out_of_fold, quantiles = {}, {}
    fits: dict[str, Callable[[int, Examples], QuantileModel]] = {
        train_gbm.NAME: train_gbm.fitter(settings.train_gbm, seed),
        **train_linear.fitters(settings.train_linear),
    }
    for name, fit in fits.items():
        result = cross_validate(examples.take(~held_out), inner, fit)
        out_of_fold[name] = result.out_of_fold[from_baseline[~held_out], 1]
        quantiles[name] = result.whole.predict(examples.features[requested_rows])
    if network_quantiles is not None:
        out_of_fold[NETWORK], quantiles[NETWORK] = network_quantiles[known, 1], network_quantiles[requested_rows]

    medians_ml = filled(np.stack(list(out_of_fold.values())))
    ensemble = fit_weights_and_confidence(medians_ml, pairs[known], settings.fit_ensemble.penalties())
    requested = pairs[requested_rows]
    fvc_from_ml, values_ml = requested["fvc_from_ml"].to_numpy(), filled(np.stack(list(quantiles.values())))
    forecasts = _references(pairs[known], requested)
    for name, values in zip(quantiles, values_ml, strict=True):
        forecasts[name] = Forecast(forecast_fvc(fvc_from_ml, values[:, 1]), laplace_sd(values))
    forecasts[ENSEMBLE] = ensemble.forecast(values_ml[:, :, 1], requested)
    return _as_rows(requested, forecasts), ensemble_record(list(quantiles), ensemble)


def score_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Scores of each model over all repeats, and what it gains on linear decay, row by row.

    Returns:
        One row a model, best last: `model`, then for B (each patient's last three visits) and A (all later ones) the
        score, its gain on linear decay, and the standard errors of both by bootstrap over patients.
    """
    likelihood = laplace_log_likelihood(
        *(predictions[name].to_numpy() for name in ("fvc_true_ml", "fvc_ml", "confidence_ml"))
    )
    rows = predictions.assign(score=likelihood).pivot_table(
        index=["patient", "visit_to", "is_last_three"], columns="model", values="score", aggfunc="mean"
    )
    last = rows.index.get_level_values("is_last_three").to_numpy(bool)
    table = [
        {"model": model, **_compare(rows[last], model, "B"), **_compare(rows, model, "A")}
        for model in predictions["model"].unique()
    ]
    return pd.DataFrame(table)


def _compare(rows: pd.DataFrame, model: str, name: str) -> dict[str, float]:
    patients = rows.index.get_level_values("patient").to_numpy()
    score, gain = compare_means(rows[model].to_numpy(), rows[LINEAR_DECAY].to_numpy(), patients)
    return {
        name: score.value,
        f"{name} error": score.standard_error,
        f"{name} gain": gain.value,
        f"{name} gain error": gain.standard_error,
    }


def _references(training: pd.DataFrame, requested: pd.DataFrame) -> dict[str, Forecast]:
    """Two lines from the first FVC alone; the slope is that of the training patients."""
    gap, change = training["gap_weeks"], training["change_ml"]
    ml_per_week = float((gap * change).sum() / (gap**2).sum())
    confidence_ml = np.full(len(requested), REFERENCE_CONFIDENCE_ML)
    fvc_from_ml = requested["fvc_from_ml"].to_numpy()
    return {
        CONSTANT: Forecast(fvc_from_ml, confidence_ml),
        LINEAR_DECAY: Forecast(fvc_from_ml + ml_per_week * requested["gap_weeks"].to_numpy(), confidence_ml),
    }


def _as_rows(requested: pd.DataFrame, forecasts: dict[str, Forecast]) -> pd.DataFrame:
    truth = requested[_TRUTH].assign(fvc_true_ml=requested["fvc_from_ml"] + requested["change_ml"])
    return pd.concat(
        [truth.assign(model=name, **forecast._asdict()) for name, forecast in forecasts.items()], ignore_index=True
    )


def _write_fold(
    pairs: pd.DataFrame,
    examples: Examples,
    held_out: np.ndarray,
    settings: Settings,
    seed: int,
    network_quantiles: np.ndarray | None,
    folder: Path,
) -> None:
    rows, ensemble = hold_out(pairs, examples, held_out, settings, seed, network_quantiles)
    save(folder / "predictions", rows)
    save(folder / "ensemble", ensemble)


def _scores(stage: Stage, settings: Settings, table: pd.DataFrame, ensembles: list[dict[str, Any]]) -> dict[str, Any]:
    """What goes into `score.json`."""
    weights, confidences = ([ensemble[key] for ensemble in ensembles] for key in ("weights", "confidence"))
    best = table.set_index("model").loc[ENSEMBLE]
    return {
        "score": float(best["B"]),
        "standard_error": float(best["B error"]),
        "gain_on_linear_decay": float(best["B gain"]),
        "gain_standard_error": float(best["B gain error"]),
        "protocol": f"{settings.cv.folds} folds by patient, {settings.cv.repeats} seeds from {stage.seed}; B: each "
        "patient's last three visits, A: all later ones; gain: on linear decay, paired; errors: bootstrap by patient",
        "ct_source": stage.read("features/description")["ct_source"],
        "models": table.to_dict("records"),
        "mean_weights": pd.DataFrame(weights).mean().to_dict(),
        "mean_confidence": pd.DataFrame(confidences).mean().to_dict(),
    }
