"""SIIM's report page, results: the estimate, the threshold search, and the ablation."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from pulmo.pipeline.runner import Run
from pulmo.report.charts import draw_estimates
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read
from pulmo.report.style import BLUE, GREY, ORANGE, panel

NAMES = {
    "presence_threshold": "presence threshold",
    "min_area_fraction": "minimum area, fraction",
    "mask_threshold": "mask threshold",
    "classifier_threshold": "classifier threshold",
}


def threshold_search(run: Run) -> Figure:
    """The best score by value of each threshold, and by pairs of two."""
    search = read(run, "fit_ensemble/search")
    best = search.loc[search["dice"].idxmax()]
    best_by_value = {name: search.groupby(name)["dice"].max() for name in NAMES}
    most = max(best_by_value, key=lambda name: best_by_value[name].max() - best_by_value[name].min())
    spread = best_by_value[most].max() - best_by_value[most].min()
    images = read(run, "fit_ensemble/estimate")["images"]
    drawn = [_profile(best_by_value[name], float(best[name]), label) for name, label in NAMES.items()]
    return Figure(
        "Threshold search",
        f"{len(search):,} combinations on {images:,} held-out images: the best scores {best['dice']:.4f} (presence "
        f"threshold {best['presence_threshold']:g}, minimum area {best['min_area_fraction']:g}, mask threshold "
        f"{best['mask_threshold']:g}, classifier threshold {best['classifier_threshold']:g}; orange). Lines are maxima "
        f"over the other three thresholds; the {NAMES[most]} has the largest effect, {spread:.4f}.",
        [*drawn, _surface(search, best)],
        "Best mean Dice against each of four thresholds, and as a map over presence and mask threshold",
    )


def _profile(scores: pd.Series, chosen: float, label: str) -> Drawing:
    with panel(2.3, 2.1) as drawing:
        axes = drawing.subplots()
        axes.plot(scores.index, scores, color=BLUE, marker="o", markersize=3)
        axes.plot([chosen], [scores[chosen]], "o", color=ORANGE, markersize=7)
        axes.set(xlabel=label, ylabel="mean Dice")
        axes.tick_params(labelsize=8)
        axes.ticklabel_format(axis="y", useOffset=False)
    return drawing


def _surface(search: pd.DataFrame, best: pd.Series) -> Drawing:
    table = search.pivot_table(index="mask_threshold", columns="presence_threshold", values="dice", aggfunc="max")
    with panel(2.3, 2.1) as drawing:
        axes = drawing.subplots()
        image = axes.imshow(table, cmap="viridis", aspect="auto", interpolation="none", origin="lower")
        axes.set_xticks(range(len(table.columns)), [f"{value:g}" for value in table.columns], fontsize=7)
        axes.set_yticks(range(len(table)), [f"{value:g}" for value in table.index], fontsize=7)
        column, row = table.columns == best["presence_threshold"], table.index == best["mask_threshold"]
        axes.plot(np.flatnonzero(column), np.flatnonzero(row), "o", color=ORANGE, markersize=7)
        axes.set(xlabel="presence threshold", ylabel="mask threshold")
        axes.grid(visible=False)
        drawing.colorbar(image).ax.tick_params(labelsize=7)
    return drawing


def estimate(run: Run) -> Figure:
    """The cross-fitted score, and that of predicting no pneumothorax everywhere."""
    found = read(run, "fit_ensemble/estimate")
    without = found["images"] - found["images_with_pneumothorax"]
    right = found["dice_without_pneumothorax"]
    empty = f" {right:.1%} of those without pneumothorax have an empty mask." if without else ""
    rows = [
        ("all images", found["images"], found["score"], found["score_of_empty_masks"]),
        ("with pneumothorax", found["images_with_pneumothorax"], found["dice_with_pneumothorax"], 0.0),
        ("without", without, right, 1.0),
    ]
    gain = found["score"] - found["score_of_empty_masks"]
    comparison = "above" if gain >= 0 else "below"
    return Figure(
        "Out of fold",
        f"Mean Dice {found['score']:.4f} ± {found['standard_error']:.4f} with cross-fitted thresholds, {abs(gain):.4f} "
        f"{comparison} predicting no pneumothorax everywhere.{empty}",
        pd.DataFrame(rows, columns=["images", "count", "mean Dice", "empty masks"]),
        "Mean Dice of all images, with and without pneumothorax, and of empty masks",
    )


def ablation(run: Run) -> Figure:
    """Scores of successive additions."""
    table = read(run, "cv/table")
    with panel(4.6, 0.9 + 0.4 * len(table)) as drawing:
        axes = drawing.subplots()
        draw_estimates(axes, table["variant"].to_list(), table["dice"], table["error"])
        axes.set(xlabel="mean Dice, ± 2 standard errors")
        axes.tick_params(axis="x", colors=GREY)
    first, last = table.iloc[0], table.iloc[-1]
    return Figure(
        "Ablation",
        f"From {first['dice']:.4f} ({first['variant']}) to {last['dice']:.4f} ({last['variant']}); the last gains "
        f"{last['gain']:+.4f} ± {last['gain error']:.4f}, paired.",
        drawing,
        "Mean Dice of each variant with its standard error, from empty masks to all thresholds",
    )


FIGURES: tuple[Draw, ...] = (estimate, threshold_search, ablation)
