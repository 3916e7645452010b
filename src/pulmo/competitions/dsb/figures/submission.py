"""The Data Science Bowl's figures beside a submission: classification metrics, and Grad-CAM montages."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from sklearn.metrics import roc_curve

from pulmo.competitions.dsb.evaluation import confusion
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.stage import load
from pulmo.report.style import BLUE, GREY, INK, ORANGE, VERMILION, figure
from pulmo.scoring.classification import auc, wilson_interval

COLUMNS = 5
MAX_SLICES = 20
BINS = 5


def draw(paths: RunPaths) -> list[Path]:
    """Draw the figures of all finished stages into `figures/` beside the submission; returns their paths."""
    folder = paths.out / "figures"
    paths_drawn = []
    out_of_fold = paths.stage("fit_ensemble") / "out_of_fold.parquet"
    if out_of_fold.is_file():
        paths_drawn.append(folder / "classification.png")
        draw_classification(load(out_of_fold), load(paths.stage("train_cnn") / "history.parquet"), paths_drawn[-1])
    scans = paths.stage("predict") / "grad_cam_scans.parquet"
    if scans.is_file():
        volumes, cams = (load(paths.stage("predict") / f"{name}.npy") for name in ("volumes", "cams"))
        for row, volume, cam in zip(load(scans).itertuples(), volumes, cams, strict=True):
            paths_drawn.append(folder / f"grad_cam_{re.sub(r'[^A-Za-z0-9.-]+', '_', row.id)}.png")
            draw_montage(f"{row.id}: probability {row.probability:.3f}", volume[..., 0], cam, paths_drawn[-1])
    return paths_drawn


def draw_classification(out_of_fold: pd.DataFrame, history: pd.DataFrame, path: Path) -> None:
    """ROC curves out of fold and of training scans, calibration, confusion matrix, and the losses of all folds."""
    label = out_of_fold["label"].to_numpy()
    kinds = (("out of fold", "probability", BLUE), ("training", "learned_probability", ORANGE))
    with figure(12, 3.4, path) as drawing:
        roc, calibration, matrix, losses = drawing.subplots(1, 4)
        for name, column, colour in kinds:
            probability = out_of_fold[column].to_numpy()
            rates = roc_curve(label, probability, drop_intermediate=False)[:2]
            roc.plot(*rates, color=colour, label=f"{name}, AUC {auc(label, probability):.3f}")
        roc.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        roc.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
        roc.legend(fontsize=7, loc="lower right")
        _draw_calibration(calibration, label, out_of_fold["probability"].to_numpy())
        _draw_confusion(matrix, label, out_of_fold["probability"].to_numpy())
        for number, rows in history.groupby("fold"):
            first = number == 0
            losses.plot(rows["epoch"], rows["loss"], color=ORANGE, label="training" if first else None)
            losses.plot(rows["epoch"], rows["monitored_loss"], color=BLUE, label="validation" if first else None)
        losses.set(title="loss by fold", xlabel="epoch")
        losses.legend(fontsize=7, loc="upper right")


def draw_montage(title: str, volume: np.ndarray, cam: np.ndarray, path: Path) -> None:
    """Slices from feet to head, overlaid with the Grad-CAM heat map.

    Args:
        title: of the figure.
        volume: means, (slices, rows, columns).
        cam: 0 … 1, of the same shape.
    """
    chosen = np.unique(np.linspace(0, len(volume) - 1, MAX_SLICES).round().astype(int))
    rows = -(-len(chosen) // COLUMNS)
    low, high = np.quantile(volume, [0.01, 0.995])
    with figure(2 * COLUMNS, 2 * rows + 0.5, path) as drawing:
        drawing.suptitle(f"{title}; Grad-CAM", fontsize=10, x=0.01, ha="left")
        panels = drawing.subplots(rows, COLUMNS, squeeze=False).flat
        for axes in panels:
            axes.axis("off")
        for axes, index in zip(drawing.axes, chosen, strict=False):
            axes.imshow(volume[index], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            axes.imshow(cam[index], cmap="inferno", vmin=0, vmax=1, alpha=0.75 * np.clip(cam[index], 0, 1))
            axes.set_title(f"slice {index + 1}", fontsize=7)


def _draw_calibration(axes: Axes, label: np.ndarray, probability: np.ndarray) -> None:
    """Observed frequency by predicted probability."""
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    order = np.argsort(probability)
    for part in np.array_split(order, min(BINS, len(order))):
        share, (low, high) = label[part].mean(), wilson_interval(int(label[part].sum()), len(part))
        axes.errorbar(
            probability[part].mean(), share, [[max(0, share - low)], [max(0, high - share)]], fmt="o", color=BLUE
        )
    axes.set(
        title="calibration, out of fold",
        xlabel="predicted",
        ylabel="observed",
        aspect="equal",
        xlim=(0, 1),
        ylim=(0, 1),
    )


def _draw_confusion(axes: Axes, label: np.ndarray, probability: np.ndarray) -> None:
    found = confusion(label, probability)
    table = [[found.true_negative, found.false_positive], [found.false_negative, found.true_positive]]
    for row, truth in enumerate(table):
        for column, count in enumerate(truth):
            low, high = wilson_interval(count, sum(truth))
            colour = INK if row == column else VERMILION
            axes.text(column, row, f"{count}\n({low:.0%}–{high:.0%})", ha="center", va="center", color=colour)
    axes.set(title="confusion, out of fold", xlim=(-0.5, 1.5), ylim=(1.5, -0.5), xlabel="predicted", ylabel="true")
    axes.set_xticks([0, 1], ["0", "1"])
    axes.set_yticks([0, 1], ["0", "1"])
    axes.grid(visible=False)
