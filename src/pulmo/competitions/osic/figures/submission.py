"""OSIC's figures beside a submission: out-of-fold predictions against measurements, and gains of the models."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from pulmo.competitions.osic.figures.forecasts import draw_trajectory, first_fvc_ml, score_of_patients, scored, spread
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.stage import load
from pulmo.report.charts import draw_estimates
from pulmo.report.style import GREY, figure

ROWS, COLUMNS = 2, 4


def draw(paths: RunPaths) -> list[Path]:
    """Draw the figures of all finished stages into `figures/` beside the submission; returns their paths."""
    paths_drawn = []
    out_of_fold = paths.stage("fit_ensemble") / "out_of_fold.parquet"
    if out_of_fold.is_file():
        paths_drawn.append(paths.out / "figures" / "forecasts.png")
        draw_forecasts(load(out_of_fold), load(paths.stage("features") / "visit_pairs.parquet"), paths_drawn[-1])
    table = paths.stage("cv") / "table.parquet"
    if table.is_file():
        paths_drawn.append(paths.out / "figures" / "models.png")
        rows = load(table)
        with figure(8, 0.6 + 0.42 * len(rows), paths_drawn[-1]) as drawing:
            draw_gains(drawing.subplots(), rows)
    return paths_drawn


def draw_forecasts(out_of_fold: pd.DataFrame, pairs: pd.DataFrame, path: Path) -> None:
    """Out-of-fold predictions of eight patients, from the worst score to the best."""
    rows = scored(out_of_fold)
    scores, first = score_of_patients(rows), first_fvc_ml(pairs)
    with figure(11, 5.4, path) as drawing:
        drawing.suptitle(
            f"FVC of {ROWS * COLUMNS} of {len(scores)} patients, worst to best: measured, and out-of-fold predictions "
            "from the first visit",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        panels = drawing.subplots(ROWS, COLUMNS)
        for axes, patient in zip(panels.flat, spread(scores, ROWS * COLUMNS), strict=False):
            draw_trajectory(axes, rows[rows["patient"] == patient], first[patient])
            axes.set_title(f"{patient[:7]}, score {scores[patient]:.2f}", fontsize=8)
        for axes in panels[-1]:
            axes.set_xlabel("weeks since the first visit")
        for axes in panels[:, 0]:
            axes.set_ylabel("FVC, ml")
        drawing.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower right", ncols=5, fontsize=8)


def draw_gains(axes: Axes, table: pd.DataFrame) -> None:
    """Gains of all models over linear decay, ± 2 paired standard errors."""
    rows = table.sort_values("B gain", ascending=False)
    names = [f"{model} ({score:.3f})" for model, score in zip(rows["model"], rows["B"], strict=True)]
    axes.axvline(0, color=GREY, linewidth=1)
    draw_estimates(axes, names, rows["B gain"], rows["B gain error"])
    axes.set_title("Last three visits of held-out patients: gain over linear decay, ± 2 paired standard errors")
    axes.set_xlabel("modified Laplace log likelihood, gain")
