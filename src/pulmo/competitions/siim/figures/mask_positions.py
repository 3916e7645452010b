"""SIIM's report page, data: where pneumothorax lies in the image, and on which side."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.siim.data import read_masks, train_table
from pulmo.pipeline.runner import Run
from pulmo.report.charts import bars, coverage_map
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw
from pulmo.scoring.rle import decode, parse

SIDE = 1024
GRID = 64
AT_ONCE = 64
"""Masks decoded at once: 64 MB."""
BOTH_SIDES = 0.1
"""A mask with at least this fraction of its area on either half of the image is on both sides."""


class Positions(NamedTuple):
    """`covered` (GRID, GRID): the fraction of masks that cover each cell; `left_half` (masks,): the fraction of each
    mask's area in the left half of the image."""

    covered: np.ndarray
    left_half: np.ndarray


def mask_heat_map(run: Run) -> Figure:
    """The fraction of masks that cover each part of the image."""
    positions = _positions(train_table(run.paths.data))
    share = positions.covered
    row, column = np.unravel_index(np.argmax(share), share.shape)
    upper = share[: GRID // 2].sum() / share.sum()
    return Figure(
        "Mask positions",
        f"{len(positions.left_half):,} images with a pneumothorax: {upper:.0%} of the area is in the upper half. At "
        f"most {share.max():.0%} of the masks cover one point, at x = {(column + 0.5) * SIDE / GRID:.0f}, y = "
        f"{(row + 0.5) * SIDE / GRID:.0f}.",
        coverage_map(share, SIDE, "fraction of masks"),
        "Heat map of mask positions",
    )


def mask_sides(run: Run) -> Figure:
    """Images by the side of the pneumothorax."""
    left_half = _positions(train_table(run.paths.data)).left_half
    sides = np.select(
        [left_half > 1 - BOTH_SIDES, left_half < BOTH_SIDES], ["patient's right", "patient's left"], "both sides"
    )
    counts = pd.Series(sides).value_counts().reindex(["patient's right", "patient's left", "both sides"], fill_value=0)
    return Figure(
        "Side",
        f"{len(sides):,} images with a pneumothorax; the patient's right is the left half of the image. On both sides: "
        f"at least {BOTH_SIDES:.0%} of the area on either.",
        bars(counts, "images"),
        "Bars: images by the side of the pneumothorax",
    )


FIGURES: tuple[Draw, ...] = (mask_heat_map, mask_sides)


@lru_cache(maxsize=1)
def _positions(table: Path) -> Positions:
    masks = read_masks(table)
    marked = masks.loc[masks["rle"] != "-1", "rle"].to_list()
    if not marked:
        raise CannotDrawError(str(table), "has no mask", "Download the file again")
    cell = SIDE // GRID
    covered, left_half = np.zeros((GRID, GRID)), []
    for start in range(0, len(marked), AT_ONCE):
        inside = decode(parse(marked[start : start + AT_ONCE]), (SIDE, SIDE)) > 0
        cells = inside.reshape(len(inside), GRID, cell, GRID, cell).mean(axis=(2, 4))
        covered += cells.sum(axis=0)
        left_half.append(cells[..., : GRID // 2].sum(axis=(1, 2)) / cells.sum(axis=(1, 2)))
    return Positions(covered / len(marked), np.concatenate(left_half))
