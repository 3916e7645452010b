"""OSIC's report page, errors: contributions of patients to the score, and the worst predictions."""

import pandas as pd

from pulmo.competitions.osic.figures.forecasts import score_of_patients, scored
from pulmo.pipeline.runner import Run
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read
from pulmo.report.style import BLUE, GREY, VERMILION, interactive, panel

WORST = 15


def contributions(run: Run) -> Figure:
    """Contribution of each patient to the mean score."""
    import plotly.graph_objects as go

    scores = score_of_patients(scored(read(run, "fit_ensemble/out_of_fold")))
    share = (scores - scores.mean()) / len(scores)
    colours = [VERMILION if each < 0 else BLUE for each in share]
    plot = go.Figure()
    plot.add_bar(
        x=list(range(1, len(share) + 1)), y=share, marker={"color": colours},
        text=[f"{patient}: {score:.2f}" for patient, score in scores.items()], textposition="none",
        hovertemplate="%{text}<br>%{y:+.4f}<extra></extra>",
    )  # fmt: skip
    interactive(plot, 360).update_layout(
        xaxis_title="patients, worst to best", yaxis_title="contribution to the mean score", bargap=0.15, width=864
    )
    tenth = max(1, len(share) // 10)
    return Figure(
        "Contribution of each patient",
        f"With average scores for the worst {tenth} of {len(share)} patients, the mean score would be "
        f"{-share.iloc[:tenth].sum():.3f} higher. Hover over a bar for the patient.",
        plot,
        "Bars: contribution of each patient to the mean score, from the worst to the best",
    )


def predicted_against_measured(run: Run) -> Figure:
    """Predicted against measured FVC of all scored visits."""
    rows = scored(read(run, "fit_ensemble/out_of_fold")).query("is_last_three")
    limits = [f(rows[["fvc_true_ml", "fvc_ml"]].to_numpy().ravel()) for f in (min, max)]
    with panel(4, 3.6) as drawing:
        axes = drawing.subplots()
        axes.plot(limits, limits, color=GREY, linewidth=1)
        axes.plot(rows["fvc_true_ml"], rows["fvc_ml"], ".", color=BLUE, alpha=0.6, markersize=5)
        axes.set(xlabel="measured FVC, ml", ylabel="predicted FVC, ml", aspect="equal")
    error = rows["error_ml"]
    return Figure(
        "Predicted against measured",
        f"The last three visits of held-out patients: median absolute error {error.abs().median():.0f} ml, mean error "
        f"{error.mean():+.0f} ml; points above the line are overestimated.",
        drawing,
        "Scatter plot of predicted against measured FVC",
    )


def worst_patients(run: Run) -> Figure:
    """Patients with the lowest scores, and their baseline data."""
    rows = scored(read(run, "fit_ensemble/out_of_fold"))
    scores = score_of_patients(rows).head(WORST)
    pairs = read(run, "features/visit_pairs").query("is_baseline_pair").drop_duplicates("patient").set_index("patient")
    last = rows[rows["is_last_three"]].groupby("patient")
    baseline = pairs.loc[scores.index]
    table = pd.DataFrame(
        {
            "patient": scores.index,
            "score": scores.to_numpy(),
            "mean error, ml": last["error_ml"].mean().loc[scores.index].to_numpy(),
            "Confidence, ml": last["confidence_ml"].mean().loc[scores.index].to_numpy(),
            "last week": last["gap_weeks"].max().loc[scores.index].astype(int).to_numpy(),
            "first FVC, ml": baseline["fvc_from_ml"].to_numpy(),
            "first Percent": baseline["percent_from"].to_numpy(),
            "age": baseline["age_years"].astype(int).to_numpy(),
            "sex": baseline["male"].map({1.0: "male", 0.0: "female"}).to_numpy(),
        }
    )
    overestimated = int((table["mean error, ml"] > 0).sum())
    return Figure(
        f"The {len(table)} worst predictions",
        f"{overestimated} of them are overestimated: they declined faster than predicted. Click a column's name to "
        "sort.",
        table,
        f"Table of the {len(table)} patients with the lowest scores",
    )


FIGURES: tuple[Draw, ...] = (predicted_against_measured, contributions, worst_patients)
