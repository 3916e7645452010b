"""RSNA's report page, results: precision against thresholds, the ways to boxes, the runs there are."""

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
from pulmo.report.style import BLUE, GREY, ORANGE, panel
from pulmo.scoring.box_precision import THRESHOLDS, precision_by_threshold


def precision_against_overlap(run: Run) -> Figure:
    """What the boxes score where more and more overlap is asked for."""
    patients, truth, found = held_out(run)
    by_threshold = np.nanmean(precision_by_threshold(truth, found, len(patients)), axis=1)
    overlap = THRESHOLDS / 20
    with panel(3.6, 2.6) as drawing:
        axes = drawing.subplots()
        axes.plot(overlap, by_threshold, color=BLUE, marker="o", markersize=4)
        axes.axhline(by_threshold.mean(), color=GREY, linewidth=1, linestyle="--", label="their mean, the score")
        axes.set(xlabel="overlap asked for (IoU)", ylabel="mean precision", ylim=(0, None))
        axes.legend(loc="lower left")
    return Figure(
        "Precision against overlap",
        f"From {by_threshold[0]:.3f} where boxes need to overlap by {overlap[0]:.2f} to {by_threshold[-1]:.3f} at "
        f"{overlap[-1]:.2f}; the competition takes the mean, {by_threshold.mean():.4f}. Boxes in the right place, but "
        "not of the right size, make it fall steeply.",
        drawing,
        "Line: mean precision of held-out boxes at IoU 0.40 to 0.75, falling",
    )


def precision_against_confidence(run: Run) -> Figure:
    """What would have been scored with more or fewer boxes."""
    table = read(run, "fit_ensemble/thresholds")
    fitted = load(output(run, "fit_ensemble/model") / ENSEMBLE)["fitted"][THRESHOLD]
    chosen = table.iloc[(table["threshold"] - fitted).abs().argmin()]
    with panel(3.6, 2.6) as drawing:
        axes = drawing.subplots()
        axes.plot(table["threshold"], table["score"], color=BLUE)
        axes.plot([chosen["threshold"]], [chosen["score"]], "o", color=ORANGE, markersize=7)
        axes.set(xlabel="least confidence of a box", ylabel="mean precision", ylim=(0, None))
    lowest = table.iloc[0]
    return Figure(
        "Precision against confidence",
        f"Of {lowest['boxes']:.0f} boxes of patients whom the classifier does not clear, the {chosen['boxes']:.0f} of "
        f"confidence {chosen['threshold']:.3f} or more are kept (orange), and score {chosen['score']:.4f}; all of them "
        f"would score {lowest['score']:.4f}. A box where there is no opacity costs the whole image. This threshold has "
        "seen the patients that it is scored on here; those of the estimate have not.",
        drawing,
        "Line: mean precision against the least confidence of a box, with the fitted one marked",
    )


def ways_to_boxes(run: Run) -> Figure:
    """What each route scores on patients held out."""
    table = read(run, "cv/table")
    with panel(4.6, 0.9 + 0.4 * len(table)) as drawing:
        axes = drawing.subplots()
        draw_estimates(axes, table["variant"].to_list(), table["score"], table["error"])
        axes.set(xlabel="mean precision, ± 2 standard errors")
    first, last = table.iloc[0], table.iloc[-1]
    return Figure(
        "Ways to boxes",
        f"{first['variant']}: {first['score']:.4f}; {last['variant']}: {last['score']:.4f}, which is "
        f"{last['gain']:+.4f} ± {last['gain_error']:.4f} on it, paired. All that is fitted is fitted on other folds.",
        drawing,
        "Mean precision of each way to boxes with its error",
    )


def runs_beside(run: Run) -> Figure:
    """The report's tries, and any other runs, side by side."""
    rows = [row for folder in sorted(run.paths.work.parent.glob("*/")) if (row := _row(folder))]
    if not rows:
        raise CannotDrawError(str(run.paths.work.parent), "holds no run with a segmenter", "Set train_segmenter.folds")
    table = pd.DataFrame(rows)
    best = table.loc[table["pixel accuracy"].idxmax()]
    return Figure(
        "Presets side by side",
        f"{len(table)} run{'s' if len(table) != 1 else ''} under {run.paths.work.parent}, those of the presets "
        f"`report_…` being the report's tries. Pixels are most accurate in {best['run']!r}, "
        f"{best['pixel accuracy']:.4f}, but saying that there is nothing has {best['saying nothing']:.4f}.",
        table,
        "A row a run: network, picture size, epochs, pixel accuracy, accuracy of saying nothing, mean IoU, score",
    )


def _row(work: Path) -> dict[str, Any] | None:
    """What a run's segmenters did on pictures held out; None where there is none."""
    pictures, manifest = work / "train_segmenter" / "pictures.parquet", work / "train_segmenter" / "manifest.json"
    described = work / "features" / "description.json"
    if not (pictures.is_file() and manifest.is_file() and described.is_file()):
        return None
    table, settings = load(pictures), json.loads(manifest.read_text())["settings"]
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
        "saying nothing": table["background_accuracy"].mean(),
        "mean IoU": table["iou"].mean(),
        "precision": load(estimate)["score"] if estimate.is_file() else np.nan,
    }


FIGURES: tuple[Draw, ...] = (precision_against_overlap, precision_against_confidence, ways_to_boxes, runs_beside)
