"""SIIM's report page, results: the search for thresholds, and what each step on the way scores."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from pulmo.pipeline.runner import Run
from pulmo.report.charts import draw_estimates
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read
from pulmo.report.style import BLUE, GREY, ORANGE, panel

NAMES = {
    "presence_threshold": "presence threshold of a pixel",
    "min_area_fraction": "minimum area, fraction of the image",
    "mask_threshold": "mask threshold of a pixel",
    "classifier_threshold": "classifier threshold of the image",
}


def threshold_search(run: Run) -> Figure:
    """The best score for each value of each threshold, and for two of them together."""
    search = read(run, "fit_ensemble/search")
    best = search.loc[search["dice"].idxmax()]
    settled = {name: search.groupby(name)["dice"].max() for name in NAMES}
    most = max(settled, key=lambda name: settled[name].max() - settled[name].min())
    spread = settled[most].max() - settled[most].min()
    images = read(run, "fit_ensemble/estimate")["images"]
    drawn = [_profile(settled[name], float(best[name]), label) for name, label in NAMES.items()]
    return Figure(
        "Threshold search",
        f"{len(search):,} combinations, each on {images:,} held-out images: the best scores {best['dice']:.4f} ("
        f"presence threshold {best['presence_threshold']:g}, minimum area {best['min_area_fraction']:g}, mask "
        f"threshold {best['mask_threshold']:g}, classifier threshold {best['classifier_threshold']:g}; orange). "
        f"Each line has the other three at their best; {most!r} matters most, by {spread:.4f}.",
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
    """The honest score beside that of saying nothing."""
    told = read(run, "fit_ensemble/estimate")
    without = told["images"] - told["images_with_pneumothorax"]
    empty = f" Of those without air, {told['dice_without_pneumothorax']:.1%} are left empty." if without else ""
    rows = [
        ("all images", told["images"], told["score"], told["score_of_empty_masks"]),
        ("with pneumothorax", told["images_with_pneumothorax"], told["dice_with_pneumothorax"], 0.0),
        ("without", without, told["dice_without_pneumothorax"], 1.0),
    ]
    gain = told["score"] - told["score_of_empty_masks"]
    word = "more" if gain >= 0 else "less"
    return Figure(
        "Out of fold",
        f"Mean Dice {told['score']:.4f} ± {told['standard_error']:.4f}, thresholds fitted on the other folds: "
        f"{abs(gain):.4f} {word} than saying nothing of every image.{empty}",
        pd.DataFrame(rows, columns=["images", "count", "mean Dice", "saying nothing"]),
        "Mean Dice of all images, of those with and without pneumothorax, beside that of saying nothing",
    )


def ways(run: Run) -> Figure:
    """What each step gains on the one before it."""
    table = read(run, "cv/table")
    with panel(4.6, 0.9 + 0.4 * len(table)) as drawing:
        axes = drawing.subplots()
        draw_estimates(axes, table["way"].to_list(), table["dice"], table["error"])
        axes.set(xlabel="mean Dice, ± 2 standard errors")
        axes.tick_params(axis="x", colors=GREY)
    first, last = table.iloc[0], table.iloc[-1]
    return Figure(
        "Step by step",
        f"From {first['dice']:.4f} ({first['way']}) to {last['dice']:.4f} ({last['way']}); the last step gains "
        f"{last['gain']:+.4f} ± {last['gain error']:.4f}, paired, on the one before it.",
        drawing,
        "Mean Dice of each way with its error, from saying nothing to all thresholds",
    )


FIGURES: tuple[Draw, ...] = (estimate, threshold_search, ways)
