"""RSNA's report page, preprocessing: what the networks see, where lungs were found, how patients were dealt."""

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
    """X-rays at network size, boxes painted as masks, and the lungs that were found."""
    patients, images, masks = (read(run, f"features/{name}") for name in ("patients", "images", "masks"))
    described = read(run, "features/description")
    lungs = read(run, "train_lungs/masks")
    positive = patients.index[(patients["boxes"] > 0) & patients["error"].isna()].to_numpy()
    chosen = np.sort(np.random.default_rng(SEED).permutation(positive)[:SHOWN])
    shown = []
    for place in chosen.tolist():
        outlines = [MaskOutline(masks[place] > 127, SKY)]
        if len(lungs):
            outlines.append(MaskOutline(lungs[place] > 127, GREEN))
        shown.append(ImagePanel(images[place], _boxes(int(patients["boxes"].iloc[place])), outlines, window=(0, 255)))
    inside = _inside(masks, lungs, positive)
    told = f"; green are the lungs that networks found, in which {inside:.0%} of it lies" if len(lungs) else ""
    return Figure(
        "What the networks see",
        f"X-rays at {described['pixels']} × {described['pixels']} pixels; boxes are painted as masks (blue), for "
        f"networks that outline{told}. {described['unreadable']} of {described['patients']:,} X-rays cannot be read.",
        image_panels(shown),
        f"{len(shown)} X-rays at network size with painted boxes" + (" and outlined lungs" if len(lungs) else ""),
    )


def _boxes(number: int) -> str:
    return "1 box" if number == 1 else f"{number} boxes"


def _inside(masks: np.ndarray, lungs: np.ndarray, positive: np.ndarray) -> float:
    """The share of boxed pixels that are lung, of at most 200 X-rays."""
    few = positive[:200]
    if not len(lungs):
        return float("nan")
    boxed = masks[few] > 127
    return float((boxed & (lungs[few] > 127)).sum() / max(1, boxed.sum()))


def folds(run: Run) -> Figure:
    """Patients of each fold by class."""
    patients = read(run, "features/patients")
    counts = {
        SHORT[name].replace("\n", " "): rows.groupby("fold").size() for name, rows in classes_of(patients).items()
    }
    if not counts:
        raise CannotDrawError(str(run.paths.data), "has no patient", "Download the files again")
    table = pd.DataFrame(counts).fillna(0).astype(int)
    boxes = patients.groupby("fold")["boxes"].sum()
    table = table.assign(patients=table.sum(axis=1), boxes=boxes).reset_index()
    return Figure(
        "Folds",
        f"{len(patients):,} patients in {len(table)} folds, each with its share of every class; from "
        f"{table['boxes'].min():,} to {table['boxes'].max():,} boxes are in a fold.",
        table,
        "A row a fold: patients of each class, patients, boxes",
    )


FIGURES: tuple[Draw, ...] = (network_images, folds)
