"""OSIC in pictures: held-out forecasts against what was measured, and what each model gains."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.stage import load
from pulmo.report.style import BLUE, GREY, INK, SKY, VERMILION, figure
from pulmo.scoring.laplace import laplace_log_likelihood

ROWS, COLUMNS = 2, 4


def draw(paths: RunPaths) -> list[Path]:
    """Draw what the run has made so far into `figures/` beside its submission; the pictures' paths."""
    pictures = []
    out_of_fold = paths.stage("fit_ensemble") / "out_of_fold.parquet"
    if out_of_fold.is_file():
        pictures.append(paths.out / "figures" / "forecasts.png")
        draw_forecasts(load(out_of_fold), pictures[-1])
    table = paths.stage("cv") / "table.parquet"
    if table.is_file():
        pictures.append(paths.out / "figures" / "models.png")
        draw_gains(load(table), pictures[-1])
    return pictures


def draw_forecasts(out_of_fold: pd.DataFrame, path: Path) -> None:
    """Eight patients, from the worst forecast to the best, each by models that have not seen the patient."""
    likelihood = laplace_log_likelihood(
        *(out_of_fold[name].to_numpy() for name in ("fvc_true_ml", "fvc_ml", "confidence_ml"))
    )
    scored = out_of_fold.assign(score=likelihood)
    by_patient = scored[scored["is_last_three"]].groupby("patient")["score"].mean().sort_values()
    ranks = np.linspace(0, len(by_patient) - 1, ROWS * COLUMNS).round().astype(int)
    with figure(11, 5.4, path) as drawing:
        drawing.suptitle(
            f"FVC of {ROWS * COLUMNS} of {len(by_patient)} patients, worst to best: measured, and forecast from the "
            "first visit by models that have not seen the patient",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        panels = drawing.subplots(ROWS, COLUMNS)
        for axes, patient in zip(panels.flat, by_patient.index[ranks], strict=True):
            _draw_patient(axes, scored[scored["patient"] == patient].sort_values("gap_weeks"))
            axes.set_title(f"{patient[:7]}, score {by_patient[patient]:.2f}", fontsize=8)
        for axes in panels[-1]:
            axes.set_xlabel("weeks since the first visit")
        for axes in panels[:, 0]:
            axes.set_ylabel("FVC, ml")
        panels[0, -1].legend(fontsize=7)


def draw_gains(table: pd.DataFrame, path: Path) -> None:
    """What each model gains on linear decay, with twice the paired standard error."""
    rows = table.sort_values("B gain")
    places = np.arange(len(rows))
    with figure(8, 0.6 + 0.42 * len(rows), path) as drawing:
        axes = drawing.subplots()
        axes.axvline(0, color=GREY, linewidth=1)
        axes.errorbar(rows["B gain"], places, xerr=2 * rows["B gain error"], fmt="o", color=BLUE, ecolor=SKY, capsize=3)
        axes.set_yticks(
            places, [f"{model} ({score:.3f})" for model, score in zip(rows["model"], rows["B"], strict=True)]
        )
        axes.set_title("Last three visits of held-out patients: gain on linear decay, ± 2 paired standard errors")
        axes.set_xlabel("modified Laplace log likelihood, gain")


def _draw_patient(axes: Axes, visits: pd.DataFrame) -> None:
    weeks, forecast, sigma = (visits[name].to_numpy() for name in ("gap_weeks", "fvc_ml", "confidence_ml"))
    axes.fill_between(weeks, forecast - sigma, forecast + sigma, color=SKY, alpha=0.35, lw=0, label="± Confidence")
    axes.plot(weeks, forecast, color=BLUE, label="forecast")
    last = visits["is_last_three"].to_numpy()
    measured = visits["fvc_true_ml"].to_numpy()
    axes.plot(weeks[~last], measured[~last], "o", color=INK, markersize=3.5, label="measured")
    axes.plot(weeks[last], measured[last], "o", color=VERMILION, markersize=4.5, label="measured, scored")
