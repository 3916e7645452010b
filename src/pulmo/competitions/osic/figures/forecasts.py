"""Scores and plots of out-of-fold FVC predictions."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pulmo.report.style import BLUE, INK, SKY, VERMILION
from pulmo.scoring.laplace import laplace_log_likelihood


def scored(out_of_fold: pd.DataFrame) -> pd.DataFrame:
    """The ensemble's `out_of_fold` with `score`, the metric's log likelihood of each row, and `error_ml`."""
    columns = (out_of_fold[name].to_numpy() for name in ("fvc_true_ml", "fvc_ml", "confidence_ml"))
    error = out_of_fold["fvc_ml"] - out_of_fold["fvc_true_ml"]
    return out_of_fold.assign(score=laplace_log_likelihood(*columns), error_ml=error)


def score_of_patients(rows: pd.DataFrame) -> pd.Series:
    """Each patient's mean score on the last three visits, from the worst to the best."""
    scores: pd.Series = rows[rows["is_last_three"]].groupby("patient")["score"].mean().sort_values()
    return scores


def first_fvc_ml(pairs: pd.DataFrame) -> pd.Series:
    """Each patient's FVC at the first visit, from `features/visit_pairs`."""
    first: pd.Series = pairs[pairs["is_baseline_pair"]].groupby("patient")["fvc_from_ml"].first()
    return first


def spread(scores: pd.Series, count: int) -> list[str]:
    """At most `count` patients, evenly spaced from the worst score to the best."""
    ranks = np.unique(np.linspace(0, len(scores) - 1, count).round().astype(int))
    return [str(patient) for patient in scores.index[ranks]]


def coverage(rows: pd.DataFrame, expected: np.ndarray) -> np.ndarray:
    """Observed coverage of prediction intervals of nominal coverage `expected`, (intervals,) each.

    A Laplace distribution of standard deviation σ, Confidence, is within x of its median with probability
    1 − exp(−√2·x/σ).
    """
    sigmas_away = (rows["error_ml"].abs() / rows["confidence_ml"]).to_numpy()
    return np.asarray((sigmas_away[:, None] <= -np.log(1 - expected) / np.sqrt(2)).mean(axis=0))


def draw_trajectory(axes: Axes, visits: pd.DataFrame, first_fvc_ml: float) -> None:
    """One patient's visits: the first, then measured and predicted FVC, with the band of its Confidence."""
    visits = visits.sort_values("gap_weeks")
    weeks, predicted, sigma = (visits[name].to_numpy() for name in ("gap_weeks", "fvc_ml", "confidence_ml"))
    axes.fill_between(weeks, predicted - sigma, predicted + sigma, color=SKY, alpha=0.35, lw=0, label="± Confidence")
    axes.plot(weeks, predicted, color=BLUE, label="predicted")
    axes.plot([0, *weeks[:1]], [first_fvc_ml, *predicted[:1]], ":", color=BLUE)
    axes.plot(0, first_fvc_ml, "s", color=INK, markerfacecolor="none", markersize=5, label="first visit, known")
    last = visits["is_last_three"].to_numpy()
    measured = visits["fvc_true_ml"].to_numpy()
    axes.plot(weeks[~last], measured[~last], "o", color=INK, markersize=3.5, label="measured")
    axes.plot(weeks[last], measured[last], "o", color=VERMILION, markersize=4.5, label="measured, scored")
