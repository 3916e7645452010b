"""OSIC's report page, results: forecasts of held-out patients, their Confidence, severity a year on."""

import numpy as np
import pandas as pd

from pulmo.competitions.osic.figures.forecasts import coverage, draw_course, score_of_patients, scored, spread
from pulmo.competitions.osic.figures.severity import BANDS, severity
from pulmo.competitions.osic.figures.submission import draw_gains
from pulmo.pipeline.runner import Run
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import BLUE, GREY, INK, ORANGE, SKY, panel

COURSES = 8
PROMISED = 0.8
A_YEAR_WEEKS, ABOUT_WEEKS = 52, 13
LEAST_IN_A_BIN = 5


def courses(run: Run) -> Figure:
    """Patients from the worst forecast to the best."""
    rows = scored(read(run, "fit_ensemble/out_of_fold"))
    scores = score_of_patients(rows)
    pictures = []
    for patient in spread(scores, COURSES):
        with panel(2.9, 2.4) as drawing:
            axes = drawing.subplots()
            draw_course(axes, rows[rows["patient"] == patient])
            axes.set(xlabel="weeks since the first visit", ylabel="FVC, ml")
            axes.set_title(f"{patient[:7]}, score {scores[patient]:.2f}", fontsize=8)
        pictures.append(drawing)
    return Figure(
        "Forecast courses",
        f"{len(pictures)} of {len(scores)} patients, from the worst forecast to the best. Each is forecast from the "
        "first visit by models that have not seen the patient: line and band are forecast ± Confidence, points are "
        "measured, the last three (red) are scored.",
        pictures,
        "Courses of FVC as measured and as forecast, with the band of Confidence",
    )


def confidence(run: Run) -> Figure:
    """Whether Confidence keeps what it promises."""
    rows = scored(read(run, "fit_ensemble/out_of_fold"))
    expected = np.linspace(0.02, 0.98, 25)
    observed, (kept,) = coverage(rows, expected), coverage(rows, np.array([PROMISED]))
    with panel(4, 3.6) as drawing:
        axes = drawing.subplots()
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="as promised")
        axes.plot(expected, observed, "o-", color=BLUE, markersize=3, label="held-out patients")
        axes.set(xlabel="expected within the interval", ylabel="observed within it", aspect="equal")
        axes.legend()
    return Figure(
        "Calibration of Confidence",
        f"Intervals that should hold {PROMISED:.0%} of the measurements hold {kept:.0%} of held-out ones; below "
        "the line Confidence is too small, above it too large.",
        drawing,
        "Curve of the observed share of measurements in intervals against the expected share",
    )


def error_by_weeks(run: Run) -> Figure:
    """How errors grow with time."""
    rows = scored(read(run, "fit_ensemble/out_of_fold")).sort_values("gap_weeks")
    parts = np.array_split(np.arange(len(rows)), max(1, min(10, len(rows) // LEAST_IN_A_BIN)))
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
            label="a visit",
        )
        axes.plot(weeks, median, "o-", color=BLUE, markersize=3, label="half are below")
        axes.plot(weeks, high, "o-", color=ORANGE, markersize=3, label="80 % are below")
        axes.plot(weeks, confidence_ml, "--", color=INK, linewidth=1, label="Confidence")
        top = float(rows["error_ml"].abs().quantile(0.995))
        axes.set(xlabel="weeks since the first visit", ylabel="error, ml", ylim=(0, 1.1 * max(top, 1)))
        axes.legend(fontsize=7)
    return Figure(
        "Error against weeks ahead",
        f"Half of the forecasts about {weeks[0]:.0f} weeks ahead are off by less than {median[0]:.0f} ml, about "
        f"{weeks[-1]:.0f} weeks ahead by less than {median[-1]:.0f} ml.",
        drawing,
        "Scatter of absolute errors over the weeks ahead, with their median, 80 % quantile and Confidence",
    )


def severity_a_year_on(run: Run) -> Figure:
    """Bands at the first visit, and a year later as forecast and as measured."""
    year = _a_year_on(run)
    shares = pd.DataFrame({name: year[name].map(severity).value_counts() for name in year}, index=list(BANDS)).fillna(0)
    shares = shares / len(year)
    right = (year["forecast"].map(severity) == year["measured"].map(severity)).mean()
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
                    color="black",
                )
            start += share
        axes.set_yticks(range(3), list(shares.columns), color=INK)
        axes.set(xlim=(0, 1), xlabel=f"share of {len(year)} patients")
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.legend(fontsize=7, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return Figure(
        "Severity at the first visit and a year on",
        f"{len(year)} held-out patients who were seen again about a year ({A_YEAR_WEEKS} ± {ABOUT_WEEKS} weeks) later; "
        f"for {right:.0%} of them the forecast names the band that was measured.",
        drawing,
        "Shares of normal, mild, moderate and severe at the first visit, and a year on as forecast and as measured",
    )


def gains(run: Run) -> Figure:
    """What each model gains in cross-validation."""
    table = read(run, "cv/table")
    best = table.loc[table["B"].idxmax()]
    with panel(7, 0.8 + 0.36 * len(table)) as drawing:
        axes = drawing.subplots()
        draw_gains(axes, table)
        axes.set_title("")
    return Figure(
        "What each model gains",
        f"By the competition's protocol, {best['model']} does best with {best['B']:.4f}. Points are gains on linear "
        "decay on the last three visits, bars twice their paired standard errors; scores stand in brackets.",
        drawing,
        "Gains of every model on linear decay with their errors",
    )


FIGURES: tuple[Draw, ...] = (courses, confidence, error_by_weeks, severity_a_year_on, gains)


def _a_year_on(run: Run) -> pd.DataFrame:
    """Percent of each patient seen again after about a year: `first visit`, `forecast`, `measured`."""
    pairs = read(run, "features/visit_pairs").query("is_baseline_pair")
    known = pairs[["patient", "visit_to", "percent_from", "typical_fvc_ml"]]
    rows = read(run, "fit_ensemble/out_of_fold").merge(known, on=["patient", "visit_to"], validate="one_to_one")
    rows = rows.assign(off=(rows["gap_weeks"] - A_YEAR_WEEKS).abs())
    rows = rows[rows["off"] <= ABOUT_WEEKS].sort_values(["patient", "off"], kind="stable").drop_duplicates("patient")
    if rows.empty:
        raise CannotDrawError(
            "fit_ensemble/out_of_fold", "nobody was seen about a year later", "Give patients with longer courses"
        )
    return pd.DataFrame(
        {
            "first visit": rows["percent_from"],
            "forecast": 100 * rows["fvc_ml"] / rows["typical_fvc_ml"],
            "measured": 100 * rows["fvc_true_ml"] / rows["typical_fvc_ml"],
        }
    )
