"""SIIM's figures beside a submission: true and predicted outlines of held-out X-rays, and learning curves."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pulmo.competitions.siim.thresholds import Thresholds, mask_of
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.stage import load
from pulmo.report.style import BLUE, ORANGE, SKY, VERMILION, figure

ROWS, COLUMNS = 2, 5


def draw(paths: RunPaths) -> list[Path]:
    """Draw the figures of all finished stages into `figures/` beside the submission; returns their paths."""
    paths_drawn = []
    if (paths.stage("fit_ensemble") / "out_of_fold.parquet").is_file():
        paths_drawn.append(paths.out / "figures" / "outlines.png")
        draw_outlines(paths, paths_drawn[-1])
    history = paths.stage("train_segmenter") / "history.parquet"
    if history.is_file():
        paths_drawn.append(paths.out / "figures" / "learning_curves.png")
        draw_learning_curves(load(history), paths_drawn[-1])
    return paths_drawn


def draw_outlines(paths: RunPaths, path: Path) -> None:
    """Out-of-fold masks of ten X-rays with pneumothorax, from the worst Dice to the best."""
    held = load(paths.stage("fit_ensemble") / "out_of_fold.parquet")
    by_fold = load(paths.stage("fit_ensemble") / "thresholds.parquet").set_index("fold")
    images, masks = (load(paths.stage("features") / f"{name}.npy") for name in ("images", "masks"))
    probability = load(paths.stage("train_segmenter") / "probability.npy")
    positive = held[held["area"] > 0].sort_values("dice", kind="stable")
    chosen = positive.iloc[np.linspace(0, len(positive) - 1, ROWS * COLUMNS).round().astype(int)]
    with figure(11, 5.2, path) as drawing:
        drawing.suptitle(
            f"{ROWS * COLUMNS} of {len(positive)} X-rays with pneumothorax, worst to best: true masks (blue) and "
            "out-of-fold predictions (red)",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        for axes, (place, row) in zip(drawing.subplots(ROWS, COLUMNS).flat, chosen.iterrows(), strict=True):
            predicted = mask_of(probability[place], row["presence"], Thresholds(**by_fold.loc[row["fold"]]))
            _draw_outline(axes, images[row["row"]], masks[row["row"]] > 127, predicted)
            axes.set_title(f"Dice {row['dice']:.2f}", fontsize=8)


def draw_learning_curves(history: pd.DataFrame, path: Path) -> None:
    """Training and validation loss of each fold by epoch."""
    with figure(6, 3.2, path) as drawing:
        axes = drawing.subplots()
        for fold, rows in history.groupby("fold"):
            for column, label, colour in (("loss", "training", ORANGE), ("monitored_loss", "validation", BLUE)):
                name = label if fold == 0 else None
                axes.plot(rows["epoch"] + 1, rows[column], color=colour, alpha=0.8, label=name)
        axes.legend(loc="upper right")
        axes.set_title("Loss by fold")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")


def _draw_outline(axes: Axes, image: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    for mask, colour in ((true, SKY), (predicted, VERMILION)):
        if mask.any():
            axes.contour(mask, levels=[0.5], colors=colour, linewidths=1.1)
