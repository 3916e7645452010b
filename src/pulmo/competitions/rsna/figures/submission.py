"""RSNA's figures beside a submission: held-out X-rays with true and predicted boxes, and the ablation."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.stage import load
from pulmo.report.charts import draw_estimates
from pulmo.report.style import BLUE, VERMILION, figure
from pulmo.scoring.boxes import SIDE

ROWS, COLUMNS = 2, 5


def draw(paths: RunPaths) -> list[Path]:
    """Draw the figures of all finished stages into `figures/` beside the submission; returns their paths."""
    paths_drawn = []
    if (paths.stage("fit_ensemble") / "image_scores.parquet").is_file():
        paths_drawn.append(paths.out / "figures" / "boxes.png")
        draw_boxes(paths.stage("features"), paths.stage("fit_ensemble"), paths_drawn[-1])
    table = paths.stage("cv") / "table.parquet"
    if table.is_file():
        paths_drawn.append(paths.out / "figures" / "ablation.png")
        draw_ablation(load(table), paths_drawn[-1])
    return paths_drawn


def draw_boxes(features: Path, ensemble: Path, path: Path) -> None:
    """Out-of-fold boxes on ten scored X-rays, from the worst to the best."""
    scores = load(ensemble / "image_scores.parquet").dropna(subset="score").sort_values(["score", "image"])
    chosen = scores.iloc[np.linspace(0, len(scores) - 1, ROWS * COLUMNS).round().astype(int)]
    image_table = load(features / "image_table.parquet").reset_index().set_index("image")
    images, true = load(features / "images.npy"), load(features / "boxes.parquet")
    found = load(ensemble / "out_of_fold.parquet")
    with figure(12, 5.6, path) as drawing:
        drawing.suptitle(
            f"{ROWS * COLUMNS} of {len(scores)} scored held-out X-rays, worst to best: true boxes (blue) and "
            "predicted boxes (red, with confidence)",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        panels = drawing.subplots(ROWS, COLUMNS)
        for axes, (image, score) in zip(panels.flat, chosen[["image", "score"]].to_numpy().tolist(), strict=True):
            row = image_table.loc[image]
            axes.imshow(images[int(row["index"])], cmap="gray", extent=_extent(row), vmin=0, vmax=255)
            _draw_boxes(axes, true[true["image"] == image], BLUE)
            _draw_boxes(axes, found[found["image"] == image], VERMILION)
            axes.set_title(f"{row['class'] or 'X-ray'}, {score:.2f}", fontsize=7)
            axes.set_axis_off()


def draw_ablation(table: pd.DataFrame, path: Path) -> None:
    """Out-of-fold scores of all methods, ± 2 standard errors."""
    with figure(8, 0.8 + 0.42 * len(table), path) as drawing:
        axes = drawing.subplots()
        draw_estimates(axes, table["variant"].to_list(), table["score"], table["error"])
        axes.set_title("Held-out X-rays, thresholds cross-fitted, ± 2 standard errors")
        axes.set_xlabel("mean precision over IoU 0.40 to 0.75")


def _extent(row: pd.Series) -> tuple[float, float, float, float]:
    height, width = (SIDE if pd.isna(row[side]) else int(row[side]) for side in ("rows", "columns"))
    return 0, width, height, 0


def _draw_boxes(axes: Axes, boxes: pd.DataFrame, colour: str) -> None:
    for x, y, width, height in boxes[list(BOX_COLUMNS)].to_numpy(np.float64).tolist():
        axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=1.2))
    if "confidence" in boxes:
        for x, y, confidence in boxes[["x", "y", "confidence"]].to_numpy(np.float64).tolist():
            axes.text(x, y - 8, f"{confidence:.2f}", color=colour, fontsize=6)
