"""RSNA's report page, results: precision by IoU and confidence threshold, ablation, and a comparison of runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.ensemble import THRESHOLD
from pulmo.competitions.rsna.figures.boxes import held_out
from pulmo.pipeline.model_folder import ENSEMBLE
from pulmo.pipeline.runner import Run, output
from pulmo.pipeline.stage import load
from pulmo.report.charts import draw_estimates
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import BLUE, GREY, ORANGE, legend_above, panel
from pulmo.scoring.box_precision import THRESHOLDS, precision_by_threshold


def precision_against_overlap(run: Run) -> Figure:
    """Mean precision by IoU threshold."""
    held, truth, found = held_out(run)
    by_threshold = np.nanmean(precision_by_threshold(truth, found, len(held)), axis=1)
    overlap = THRESHOLDS / 20
    with panel(3.6, 2.6) as drawing:
        axes = drawing.subplots()
        axes.plot(overlap, by_threshold, color=BLUE, marker="o", markersize=4)
        axes.axhline(by_threshold.mean(), color=GREY, linewidth=1, linestyle="--", label="mean, the score")
        axes.set(xlabel="IoU threshold", ylabel="mean precision", ylim=(0, None))
        legend_above(axes)
    return Figure(
        "Precision by IoU threshold",
        f"From {by_threshold[0]:.3f} at an IoU threshold of {overlap[0]:.2f} to {by_threshold[-1]:.3f} at "
        f"{overlap[-1]:.2f}; the score is the mean, {by_threshold.mean():.4f}. A steep decline indicates correctly "
        "placed boxes of wrong size.",
        drawing,
        "Line: mean precision of out-of-fold boxes at IoU thresholds 0.40 to 0.75",
    )


def precision_against_confidence(run: Run) -> Figure:
    """Score by confidence threshold."""
    table = read(run, "fit_ensemble/thresholds")
    fitted = load(output(run, "fit_ensemble/model") / ENSEMBLE)["fitted"][THRESHOLD]
    chosen = table.iloc[(table["threshold"] - fitted).abs().argmin()]
    with panel(3.6, 2.6) as drawing:
        axes = drawing.subplots()
        axes.plot(table["threshold"], table["score"], color=BLUE)
        axes.plot([chosen["threshold"]], [chosen["score"]], "o", color=ORANGE, markersize=7)
        axes.set(xlabel="confidence threshold", ylabel="mean precision", ylim=(0, None))
    lowest = table.iloc[0]
    return Figure(
        "Precision by confidence threshold",
        f"Of {lowest['boxes']:.0f} boxes of X-rays above the classifier's threshold, {chosen['boxes']:.0f} have a "
        f"confidence of at least {chosen['threshold']:.3f} (orange) and score {chosen['score']:.4f}; all of them "
        f"would score {lowest['score']:.4f}. A single false positive reduces an image's score to 0. Here the "
        "threshold is fitted to the same X-rays; for the estimate it is cross-fitted.",
        drawing,
        "Line: mean precision by confidence threshold, with the fitted threshold marked",
    )


def ablation(run: Run) -> Figure:
    """Out-of-fold scores of all methods."""
    table = read(run, "cv/table")
    with panel(4.6, 0.9 + 0.4 * len(table)) as drawing:
        axes = drawing.subplots()
        draw_estimates(axes, table["variant"].to_list(), table["score"], table["error"])
        axes.set(xlabel="mean precision, ± 2 standard errors")
    first, last = table.iloc[0], table.iloc[-1]
    return Figure(
        "Ablation",
        f"{first['variant']}: {first['score']:.4f}; {last['variant']}: {last['score']:.4f}, which is "
        f"{last['gain']:+.4f} ± {last['gain_error']:.4f} over it, paired. All parameters are cross-fitted.",
        drawing,
        "Mean precision of each method with its standard error",
    )


def run_comparison(run: Run) -> Figure:
    """Comparison of runs, among them the report's experiments."""
    rows = [row for folder in sorted(run.paths.work.parent.glob("*/")) if (row := _row(folder))]
    if not rows:
        raise CannotDrawError(str(run.paths.work.parent), "holds no run with a segmenter", "Set train_segmenter.folds")
    table = pd.DataFrame(rows)
    best = table.loc[table["pixel accuracy"].idxmax()]
    return Figure(
        "Comparison of runs",
        f"{len(table)} run{'s' if len(table) != 1 else ''} under {run.paths.work.parent}; presets `report_…` are the "
        f"report's experiments. {best['run']!r} has the highest pixel accuracy, {best['pixel accuracy']:.4f}; empty "
        f"masks have {best['empty masks']:.4f}.",
        table,
        "Table of runs: network, image size, epochs, pixel accuracy, that of empty masks, mean IoU, score",
    )


def _row(work: Path) -> dict[str, Any] | None:
    """Out-of-fold metrics of a run's segmenters; None without them."""
    images, manifest = work / "train_segmenter" / "image_scores.parquet", work / "train_segmenter" / "manifest.json"
    described = work / "features" / "description.json"
    if not (images.is_file() and manifest.is_file() and described.is_file()):
        return None
    table, settings = load(images), json.loads(manifest.read_text())["settings"]
    estimate = work / "fit_ensemble" / "estimate.json"
    if table.empty:
        return None
    return {
        "run": work.name,
        "network": settings["network"],
        "pixels": load(described)["pixels"],
        "depth": settings["depth"],
        "batch": settings["batch"],
        "epochs": settings["epochs"],
        "pixel accuracy": table["accuracy"].mean(),
        "empty masks": table["background_accuracy"].mean(),
        "mean IoU": table["iou"].mean(),
        "precision": load(estimate)["score"] if estimate.is_file() else np.nan,
    }


FIGURES: tuple[Draw, ...] = (precision_against_overlap, precision_against_confidence, ablation, run_comparison)
