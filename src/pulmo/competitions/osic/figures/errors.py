"""OSIC's report page, errors: which patients cost how much, and what is known of the worst."""

import pandas as pd

from pulmo.competitions.osic.figures.forecasts import score_of_patients, scored
from pulmo.pipeline.runner import Run
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read
from pulmo.report.style import BLUE, GREY, VERMILION, interactive, panel

WORST = 15


def contributions(run: Run) -> Figure:
    """What each patient adds to the score, or takes from it."""
    import plotly.graph_objects as go

    scores = score_of_patients(scored(read(run, "fit_ensemble/out_of_fold")))
    share = (scores - scores.mean()) / len(scores)
    colours = [VERMILION if each < 0 else BLUE for each in share]
    picture = go.Figure()
    picture.add_bar(
        x=list(range(1, len(share) + 1)), y=share, marker={"color": colours},
        text=[f"{patient}: {score:.2f}" for patient, score in scores.items()], textposition="none",
        hovertemplate="%{text}<br>%{y:+.4f}<extra></extra>",
    )  # fmt: skip
    interactive(picture, 360).update_layout(
        xaxis_title="patients, worst to best", yaxis_title="moves the mean score by", bargap=0.15, width=864
    )
    tenth = max(1, len(share) // 10)
    return Figure(
        "What each patient contributes",
        f"The worst {tenth} of {len(share)} patients, were they like the average one, would leave the score "
        f"{-share.iloc[:tenth].sum():.3f} higher. Point at a bar to see whose it is.",
        picture,
        "Bars: how far each patient moves the mean score, from the worst to the best",
    )


def forecast_against_measured(run: Run) -> Figure:
    """Every scored visit, forecast against measured."""
    rows = scored(read(run, "fit_ensemble/out_of_fold")).query("is_last_three")
    limits = [f(rows[["fvc_true_ml", "fvc_ml"]].to_numpy().ravel()) for f in (min, max)]
    with panel(4, 3.6) as drawing:
        axes = drawing.subplots()
        axes.plot(limits, limits, color=GREY, linewidth=1)
        axes.plot(rows["fvc_true_ml"], rows["fvc_ml"], ".", color=BLUE, alpha=0.6, markersize=5, rasterized=True)
        axes.set(xlabel="measured FVC, ml", ylabel="forecast FVC, ml", aspect="equal")
    off = rows["error_ml"]
    return Figure(
        "Forecast against measured",
        f"The last three visits of held-out patients: off by {off.abs().median():.0f} ml at the median, "
        f"{off.mean():+.0f} ml on average; above the line the forecast was too high.",
        drawing,
        "Scatter of forecast FVC against measured FVC",
    )


def worst_patients(run: Run) -> Figure:
    """Who is forecast worst, and what is known of them."""
    rows = scored(read(run, "fit_ensemble/out_of_fold"))
    scores = score_of_patients(rows).head(WORST)
    pairs = read(run, "features/visit_pairs").query("is_baseline_pair").drop_duplicates("patient").set_index("patient")
    last = rows[rows["is_last_three"]].groupby("patient")
    who = pairs.loc[scores.index]
    table = pd.DataFrame(
        {
            "patient": scores.index,
            "score": scores.to_numpy(),
            "mean error, ml": last["error_ml"].mean().loc[scores.index].to_numpy(),
            "Confidence, ml": last["confidence_ml"].mean().loc[scores.index].to_numpy(),
            "last week": last["gap_weeks"].max().loc[scores.index].astype(int).to_numpy(),
            "first FVC, ml": who["fvc_from_ml"].to_numpy(),
            "first Percent": who["percent_from"].to_numpy(),
            "age": who["age_years"].astype(int).to_numpy(),
            "sex": who["male"].map({1.0: "male", 0.0: "female"}).to_numpy(),
        }
    )
    low = int((table["mean error, ml"] > 0).sum())
    return Figure(
        f"The {len(table)} worst forecasts",
        f"{low} of them were forecast too high: they declined faster than the models expect. Press a column's name to "
        "sort by it.",
        table,
        f"Table of the {len(table)} patients with the lowest scores",
    )


FIGURES: tuple[Draw, ...] = (forecast_against_measured, contributions, worst_patients)
