"""OSIC's report page, results: out-of-fold predictions, Confidence, and severity after one year."""

import numpy as np
import pandas as pd

from pulmo.competitions.osic.figures.forecasts import (
    coverage,
    draw_trajectory,
    first_fvc_ml,
    score_of_patients,
    scored,
    spread,
)
from pulmo.competitions.osic.figures.severity import BANDS, SOURCE, severity
from pulmo.competitions.osic.figures.submission import draw_gains
from pulmo.pipeline.runner import Run
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import BLUE, GREY, INK, ORANGE, SKY, legend_above, panel, text_on

TRAJECTORIES = 8
NOMINAL = 0.8
A_YEAR_WEEKS, ABOUT_WEEKS = 52, 13
MIN_PER_BIN = 5


def trajectories(run: Run) -> Figure:
    """Predictions of patients from the worst score to the best."""
    rows = scored(read(run, "fit_ensemble/out_of_fold"))
    scores = score_of_patients(rows)
    first = first_fvc_ml(read(run, "features/visit_pairs"))
    panels = []
    for patient in spread(scores, TRAJECTORIES):
        with panel(2.9, 2.4) as drawing:
            axes = drawing.subplots()
            draw_trajectory(axes, rows[rows["patient"] == patient], first[patient])
            axes.set(xlabel="weeks since the first visit", ylabel="FVC, ml")
            axes.set_title(f"{patient[:7]}, score {scores[patient]:.2f}", fontsize=8)
        panels.append(drawing)
    return Figure(
        "Predicted trajectories",
        f"{len(panels)} of {len(scores)} patients, from the worst score to the best. Out-of-fold predictions start "
        "from the first visit (square): line and band are prediction ± Confidence, points are measured, the last three "
        "(red) are scored.",
        panels,
        "FVC trajectories, measured and predicted, with the band of Confidence",
    )


def confidence(run: Run) -> Figure:
    """Calibration of Confidence: coverage of prediction intervals."""
    rows = scored(read(run, "fit_ensemble/out_of_fold"))
    expected = np.linspace(0.02, 0.98, 25)
    observed, (covered,) = coverage(rows, expected), coverage(rows, np.array([NOMINAL]))
    with panel(4, 3.6) as drawing:
        axes = drawing.subplots()
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="ideal")
        axes.plot(expected, observed, "o-", color=BLUE, markersize=3, label="held-out patients")
        axes.set(xlabel="nominal coverage", ylabel="observed coverage", aspect="equal")
        legend_above(axes, columns=2)
    return Figure(
        "Calibration of Confidence",
        f"Prediction intervals of {NOMINAL:.0%} nominal coverage cover {covered:.0%} of held-out measurements; below "
        "the line Confidence is too small, above it too large.",
        drawing,
        "Observed against nominal coverage of prediction intervals",
    )


def error_by_weeks(run: Run) -> Figure:
    """Absolute error by weeks since the first visit."""
    rows = scored(read(run, "fit_ensemble/out_of_fold")).sort_values("gap_weeks")
    parts = np.array_split(np.arange(len(rows)), max(1, min(10, len(rows) // MIN_PER_BIN)))
    weeks = [rows["gap_weeks"].iloc[part].mean() for part in parts]
    confidence_ml = [rows["confidence_ml"].iloc[part].mean() for part in parts]
    median, high = ([rows["error_ml"].abs().iloc[part].quantile(share) for part in parts] for share in (0.5, 0.8))
    with panel(4.4, 3.2) as drawing:
        axes = drawing.subplots()
        axes.plot(
            rows["gap_weeks"],
            rows["error_ml"].abs(),
            ".",
            color=SKY,
            markersize=3,
            alpha=0.6,
            rasterized=True,
            label="visit",
        )
        axes.plot(weeks, median, "o-", color=BLUE, markersize=3, label="median")
        axes.plot(weeks, high, "o-", color=ORANGE, markersize=3, label="80 % quantile")
        axes.plot(weeks, confidence_ml, "--", color=INK, linewidth=1, label="Confidence")
        top = float(rows["error_ml"].abs().quantile(0.995))
        axes.set(xlabel="weeks since the first visit", ylabel="error, ml", ylim=(0, 1.1 * max(top, 1)))
        legend_above(axes, columns=4, fontsize=7)
    return Figure(
        "Error by forecast horizon",
        f"The median absolute error is {median[0]:.0f} ml about {weeks[0]:.0f} weeks ahead, and {median[-1]:.0f} ml "
        f"about {weeks[-1]:.0f} weeks ahead.",
        drawing,
        "Scatter plot of absolute errors over weeks ahead, with their median, 80 % quantile and Confidence",
    )


def severity_after_a_year(run: Run) -> Figure:
    """Severity at the first visit, and predicted and measured severity one year later."""
    year = _after_a_year(run)
    shares = pd.DataFrame({name: year[name].map(severity).value_counts() for name in year}, index=list(BANDS)).fillna(0)
    shares = shares / len(year)
    correct = (year["predicted"].map(severity) == year["measured"].map(severity)).mean()
    with panel(4.6, 2.6) as drawing:
        axes = drawing.subplots()
        start = np.zeros(3)
        for band, colour in BANDS.items():
            share = shares.loc[band].to_numpy()
            axes.barh(range(3), share, left=start, color=colour, label=band, height=0.65)
            for place in np.flatnonzero(share >= 0.06).tolist():
                axes.text(
                    start[place] + share[place] / 2,
                    place,
                    f"{share[place]:.0%}",
                    ha="center",
                    va="center",
                    color=text_on(colour),
                )
            start += share
        axes.set_yticks(range(3), list(shares.columns), color=INK)
        axes.set(xlim=(0, 1), xlabel=f"fraction of {len(year)} patients")
        axes.invert_yaxis()
        axes.grid(visible=False)
        legend_above(axes, columns=4, fontsize=7)
    return Figure(
        "Severity after one year",
        f"{len(year)} held-out patients with a visit about one year ({A_YEAR_WEEKS} ± {ABOUT_WEEKS} weeks) after the "
        f"first; the predicted band is correct for {correct:.0%} of them. {SOURCE}",
        drawing,
        "Fractions of normal, mild, moderate and severe at the first visit, and predicted and measured after one year",
    )


def gains(run: Run) -> Figure:
    """Gains of all models in cross-validation."""
    table = read(run, "cv/table")
    best = table.loc[table["B"].idxmax()]
    with panel(7, 0.8 + 0.36 * len(table)) as drawing:
        axes = drawing.subplots()
        draw_gains(axes, table)
        axes.set_title("")
    return Figure(
        "Gains of the models",
        f"By the competition's protocol, {best['model']} has the best score, {best['B']:.4f}. Points are gains over "
        "linear decay on the last three visits, bars ± 2 paired standard errors; scores in brackets.",
        drawing,
        "Gains of all models over linear decay with standard errors",
    )


FIGURES: tuple[Draw, ...] = (trajectories, confidence, error_by_weeks, severity_after_a_year, gains)


def _after_a_year(run: Run) -> pd.DataFrame:
    """Percent of each patient with a visit after about one year: `first visit`, `predicted`, `measured`."""
    pairs = read(run, "features/visit_pairs").query("is_baseline_pair")
    known = pairs[["patient", "visit_to", "percent_from", "typical_fvc_ml"]]
    rows = read(run, "fit_ensemble/out_of_fold").merge(known, on=["patient", "visit_to"], validate="one_to_one")
    rows = rows.assign(off=(rows["gap_weeks"] - A_YEAR_WEEKS).abs())
    rows = rows[rows["off"] <= ABOUT_WEEKS].sort_values(["patient", "off"], kind="stable").drop_duplicates("patient")
    if rows.empty:
        raise CannotDrawError(
            "fit_ensemble/out_of_fold",
            "no patient has a visit about one year later",
            "Give patients with longer follow-up",
        )
    return pd.DataFrame(
        {
            "first visit": rows["percent_from"],
            "predicted": 100 * rows["fvc_ml"] / rows["typical_fvc_ml"],
            "measured": 100 * rows["fvc_true_ml"] / rows["typical_fvc_ml"],
        }
    )
