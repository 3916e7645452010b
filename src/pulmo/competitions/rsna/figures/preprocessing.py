"""RSNA's report page, preprocessing: network input, lung masks and folds."""

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.figures.headers import SHORT, classes_of
from pulmo.pipeline.runner import Run
from pulmo.report.images import ImagePanel, MaskOutline, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import GREEN, SKY

SHOWN = 5
SEED = 0


def network_images(run: Run) -> Figure:
    """X-rays at network size, with box masks and lung masks."""
    image_table, images, masks = (read(run, f"features/{name}") for name in ("image_table", "images", "masks"))
    described = read(run, "features/description")
    lungs = read(run, "train_lungs/masks")
    positive = image_table.index[(image_table["boxes"] > 0) & image_table["error"].isna()].to_numpy()
    chosen = np.sort(np.random.default_rng(SEED).permutation(positive)[:SHOWN])
    shown = []
    for place in chosen.tolist():
        outlines = [MaskOutline(masks[place] > 127, SKY)]
        if len(lungs):
            outlines.append(MaskOutline(lungs[place] > 127, GREEN))
        shown.append(
            ImagePanel(images[place], _boxes(int(image_table["boxes"].iloc[place])), outlines, window=(0, 255))
        )
    inside = _inside(masks, lungs, positive)
    lungs_note = f"; green are predicted lungs, which contain {inside:.0%} of the box area" if len(lungs) else ""
    return Figure(
        "Network input",
        f"X-rays at {described['pixels']} × {described['pixels']} pixels; boxes are rasterized to masks (blue) for "
        f"segmentation{lungs_note}. {described['unreadable']} of {described['images']:,} X-rays are unreadable.",
        image_panels(shown),
        f"{len(shown)} X-rays at network size with box masks" + (" and lung outlines" if len(lungs) else ""),
    )


def _boxes(number: int) -> str:
    return "1 box" if number == 1 else f"{number} boxes"


def _inside(masks: np.ndarray, lungs: np.ndarray, positive: np.ndarray) -> float:
    """The fraction of box pixels that are lung, over at most 200 X-rays."""
    sample = positive[:200]
    if not len(lungs):
        return float("nan")
    boxed = masks[sample] > 127
    return float((boxed & (lungs[sample] > 127)).sum() / max(1, boxed.sum()))


def folds(run: Run) -> Figure:
    """Images and patients per fold."""
    image_table = read(run, "features/image_table")
    counts = {
        SHORT[name].replace("\n", " "): rows.groupby("fold").size() for name, rows in classes_of(image_table).items()
    }
    if not counts:
        raise CannotDrawError(str(run.paths.data), "has no image", "Download the files again")
    table = pd.DataFrame(counts).fillna(0).astype(int)
    by_fold = image_table.groupby("fold")
    counted = {"images": table.sum(axis=1), "patients": by_fold["patient"].nunique(), "boxes": by_fold["boxes"].sum()}
    table = table.assign(**counted).reset_index()
    return Figure(
        "Folds",
        f"{len(image_table):,} images of {image_table['patient'].nunique():,} patients in {len(table)} folds, "
        f"stratified by class; {table['boxes'].min():,} to {table['boxes'].max():,} boxes per fold.",
        table,
        "Table of folds: images of each class, images, patients, boxes",
    )


FIGURES: tuple[Draw, ...] = (network_images, folds)
