"""SIIM's report page, preprocessing: network input and folds."""

import numpy as np
import pandas as pd

from pulmo.pipeline.runner import Run
from pulmo.report.images import ImagePanel, MaskOutline, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read
from pulmo.report.style import SKY

SHOWN = 5
SMALLEST = 100


def network_images(run: Run) -> Figure:
    """X-rays at network size, from the smallest mask to the largest."""
    image_table, images, masks = (read(run, f"features/{name}") for name in ("image_table", "images", "masks"))
    described = read(run, "features/description")
    marked = image_table[(image_table["area"] > 0) & image_table["error"].isna()].sort_values("area")
    chosen = marked.iloc[np.linspace(0, len(marked) - 1, min(SHOWN, len(marked))).round().astype(int)]
    shown = [
        ImagePanel(
            images[place],
            f"{row['area']:,} of {row['rows']:.0f} × {row['columns']:.0f} pixels",
            [MaskOutline(masks[place] > 127, SKY)],
            window=(0, 255),
        )
        for place, row in chosen.iterrows()
    ]
    pixels, clip_limit = described["pixels"], described["clahe_clip_limit"]
    equalized = f", CLAHE with clip limit {clip_limit:g}" if clip_limit else ""
    smallest = marked.index[:SMALLEST]
    lost = sum(not (masks[place] > 127).any() for place in smallest)
    return Figure(
        "Network input",
        f"X-rays at {pixels} × {pixels} pixels{equalized}, from the smallest mask to the largest; {lost} of the "
        f"{len(smallest)} smallest masks vanish at this size.",
        image_panels(shown),
        f"{len(shown)} X-rays at network size with their masks' outlines",
    )


def folds(run: Run) -> Figure:
    """Images and patients per fold."""
    image_table = read(run, "features/image_table")
    readable = image_table[image_table["fold"] >= 0]
    positive = readable["area"] > 0
    table = pd.DataFrame(
        {
            "fold": sorted(readable["fold"].unique()),
            "images": readable.groupby("fold").size().to_numpy(),
            "patients": readable.groupby("fold")["patient"].nunique().to_numpy(),
            "with pneumothorax": positive.groupby(readable["fold"]).sum().to_numpy(),
            "fraction": positive.groupby(readable["fold"]).mean().to_numpy(),
        }
    )
    patients = readable["patient"].nunique()
    crossing = len(readable[["patient", "fold"]].drop_duplicates()) - patients
    unread = int(image_table["error"].notna().sum())
    return Figure(
        "Folds",
        f"{len(readable):,} images of {patients:,} patients, {crossing} of whom are in several folds; "
        f"{table['fraction'].min():.1%} to {table['fraction'].max():.1%} of the images have a pneumothorax. "
        f"Unreadable images, left out: {unread}.",
        table,
        "Table of folds: images, patients, images with pneumothorax",
    )


FIGURES: tuple[Draw, ...] = (network_images, folds)
