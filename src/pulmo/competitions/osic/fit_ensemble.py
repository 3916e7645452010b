"""Out-of-fold predictions → weights and Confidence by the metric, an honest estimate of the score, and `model/`."""

from typing import Any

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import bootstrap_mean
from pulmo.blending.fold_scores import far_worse, score_folds
from pulmo.competitions.osic.ensemble import Forecast, Penalties, fit_weights_and_confidence
from pulmo.competitions.osic.out_of_fold import fold_of_pairs, medians_of
from pulmo.competitions.osic.settings import EnsembleSettings
from pulmo.competitions.osic.trained_model import FAMILIES, ensemble_record, write_model
from pulmo.pipeline.stage import Stage
from pulmo.scoring.laplace import laplace_log_likelihood

_FORECAST = ("fvc_true_ml", "fvc_ml", "confidence_ml")


def run(stage: Stage, settings: EnsembleSettings) -> None:
    """Write `model`, the ensemble's cross-fitted `out_of_fold` forecasts, the `estimate` they give, and the
    `row_scores` of the visits that it is of."""
    pairs = stage.read("features/visit_pairs").query("is_baseline_pair").reset_index(drop=True)
    fold = fold_of_pairs(pairs, stage.read("features/folds"))
    names, medians_ml = medians_of([stage.read(f"train_{family}/out_of_fold") for family in FAMILIES], pairs)
    forecast = cross_fit(pairs, medians_ml, fold, settings.penalties())
    out_of_fold = pairs[["patient", "visit_to", "week_to", "gap_weeks", "is_last_three"]].assign(
        fvc_true_ml=pairs["fvc_from_ml"] + pairs["change_ml"],
        fvc_ml=forecast.fvc_ml,
        confidence_ml=forecast.confidence_ml,
    )
    likelihood = laplace_log_likelihood(*(out_of_fold[name].to_numpy() for name in _FORECAST))
    estimate = _estimate(out_of_fold, likelihood, fold)
    for note in far_worse(estimate["folds"], "Laplace log likelihood", greater_is_better=True):
        stage.note(note)
    description = stage.read("features/description")
    ensemble = fit_weights_and_confidence(medians_ml, pairs, settings.penalties())
    record = {**ensemble_record(names, ensemble), **description, "estimate": estimate}
    published = None
    if description["ct_source"]["kind"] == "published":
        published = stage.read("features/scan_statistics").set_index("patient")
    families = {family: stage.input(f"train_{family}/models") for family in FAMILIES}
    write_model(stage.folder("model"), record, families, published)
    stage.write("out_of_fold", out_of_fold)
    visits = out_of_fold["patient"] + " visit " + out_of_fold["visit_to"].astype(str)
    rows = pd.DataFrame({"row": visits, "patient": out_of_fold["patient"], "fold": fold, "score": likelihood})
    stage.write("row_scores", rows[out_of_fold["is_last_three"]].reset_index(drop=True))
    stage.write("estimate", estimate)


def cross_fit(pairs: pd.DataFrame, medians_ml: np.ndarray, fold: np.ndarray, penalties: Penalties) -> Forecast:
    """Forecast each fold with weights and Confidence fitted on the other folds.

    Args:
        pairs: baseline pairs.
        medians_ml: each model's out-of-fold median change, (models, pairs).
        fold: of each pair, (pairs,).
        penalties: see `fit_weights_and_confidence`.
    """
    forecast = Forecast(np.empty(len(pairs)), np.empty(len(pairs)))
    for number in np.unique(fold):
        inside, outside = fold == number, fold != number
        ensemble = fit_weights_and_confidence(medians_ml[:, outside], pairs[outside], penalties)
        forecast.fvc_ml[inside], forecast.confidence_ml[inside] = ensemble.forecast(
            medians_ml[:, inside], pairs[inside]
        )
    return forecast


def _estimate(out_of_fold: pd.DataFrame, likelihood: np.ndarray, fold: np.ndarray) -> dict[str, Any]:
    """Score on each patient's last three visits, as the competition has it, and on all later ones."""
    patient, last = out_of_fold["patient"].to_numpy(), out_of_fold["is_last_three"].to_numpy()
    scored, every = bootstrap_mean(likelihood[last], patient[last]), bootstrap_mean(likelihood, patient)
    return {
        "score": scored.value,
        "standard_error": scored.standard_error,
        "score_all_later_visits": every.value,
        "standard_error_all_later_visits": every.standard_error,
        "patients": int(out_of_fold["patient"].nunique()),
        "visits_scored": int(last.sum()),
        "folds": score_folds(likelihood[last], patient[last], fold[last]),
    }
