"""SIIM in pictures: outlines of held-out X-rays beside the truth, and how the networks learned."""

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
    """Draw what the run has made so far into `figures/` beside its submission; the pictures' paths."""
    pictures = []
    if (paths.stage("fit_ensemble") / "out_of_fold.parquet").is_file():
        pictures.append(paths.out / "figures" / "outlines.png")
        draw_outlines(paths, pictures[-1])
    history = paths.stage("train_segmenter") / "history.parquet"
    if history.is_file():
        pictures.append(paths.out / "figures" / "learning.png")
        draw_learning(load(history), pictures[-1])
    return pictures


def draw_outlines(paths: RunPaths, path: Path) -> None:
    """Ten X-rays with air, from the worst outline to the best, each by a network that has not seen the patient."""
    held = load(paths.stage("fit_ensemble") / "out_of_fold.parquet")
    by_fold = load(paths.stage("fit_ensemble") / "thresholds.parquet").set_index("fold")
    images, masks = (load(paths.stage("features") / f"{name}.npy") for name in ("images", "masks"))
    probability = load(paths.stage("train_segmenter") / "probability.npy")
    with_air = held[held["area"] > 0].sort_values("dice", kind="stable")
    chosen = with_air.iloc[np.linspace(0, len(with_air) - 1, ROWS * COLUMNS).round().astype(int)]
    with figure(11, 5.2, path) as drawing:
        drawing.suptitle(
            f"{ROWS * COLUMNS} of {len(with_air)} X-rays with air, worst to best: its true outline, and what a network "
            "says that has not seen the patient",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        for axes, (place, row) in zip(drawing.subplots(ROWS, COLUMNS).flat, chosen.iterrows(), strict=True):
            said = mask_of(probability[place], row["presence"], Thresholds(**by_fold.loc[row["fold"]]))
            _draw_outline(axes, images[row["row"]], masks[row["row"]] > 127, said)
            axes.set_title(f"Dice {row['dice']:.2f}", fontsize=8)


def draw_learning(history: pd.DataFrame, path: Path) -> None:
    """The loss of each fold, epoch by epoch."""
    with figure(6, 3.2, path) as drawing:
        axes = drawing.subplots()
        for fold, rows in history.groupby("fold"):
            for column, label, colour in (("loss", "learned from", ORANGE), ("monitored_loss", "held out", BLUE)):
                name = label if fold == 0 else None
                axes.plot(rows["epoch"] + 1, rows[column], color=colour, alpha=0.8, label=name)
        axes.legend()
        axes.set_title("Loss of each fold's network")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")


def _draw_outline(axes: Axes, image: np.ndarray, true: np.ndarray, said: np.ndarray) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    for mask, colour in ((true, SKY), (said, VERMILION)):
        if mask.any():
            axes.contour(mask, levels=[0.5], colors=colour, linewidths=1.1)
