"""SIIM's report page, preprocessing: what the networks see, and how patients are dealt into folds."""

import numpy as np
import pandas as pd

from pulmo.pipeline.runner import Run
from pulmo.report.images import Mask, Shown, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read
from pulmo.report.style import SKY

SHOWN = 5
SMALLEST = 100


def network_images(run: Run) -> Figure:
    """X-rays and masks at network size, of all sizes of mask."""
    x_rays, images, masks = (read(run, f"features/{name}") for name in ("x_rays", "images", "masks"))
    described = read(run, "features/description")
    marked = x_rays[(x_rays["area"] > 0) & x_rays["error"].isna()].sort_values("area")
    chosen = marked.iloc[np.linspace(0, len(marked) - 1, min(SHOWN, len(marked))).round().astype(int)]
    shown = [
        Shown(
            images[place],
            f"{row['area']:,} of {row['rows']:.0f} × {row['columns']:.0f} pixels",
            [Mask(masks[place] > 127, SKY)],
            window=(0, 255),
        )
        for place, row in chosen.iterrows()
    ]
    pixels, contrast = described["pixels"], described["clahe_clip_limit"]
    evened = f", contrast evened out (limit {contrast:g})" if contrast else ""
    smallest = marked.index[:SMALLEST]
    lost = sum(not (masks[place] > 127).any() for place in smallest)
    return Figure(
        "What the networks see",
        f"X-rays at {pixels} × {pixels} pixels{evened}, from the smallest mask to the largest: of the "
        f"{len(smallest)} smallest masks, {lost} have no pixel left that is covered by more than half.",
        image_panels(shown),
        f"{len(shown)} X-rays at network size with their masks' outlines",
    )


def folds(run: Run) -> Figure:
    """Images and patients of each fold."""
    x_rays = read(run, "features/x_rays")
    readable = x_rays[x_rays["fold"] >= 0]
    with_air = readable["area"] > 0
    table = pd.DataFrame(
        {
            "fold": sorted(readable["fold"].unique()),
            "images": readable.groupby("fold").size().to_numpy(),
            "patients": readable.groupby("fold")["patient"].nunique().to_numpy(),
            "with air": with_air.groupby(readable["fold"]).sum().to_numpy(),
            "share with air": with_air.groupby(readable["fold"]).mean().to_numpy(),
        }
    )
    patients = readable["patient"].nunique()
    crossing = len(readable[["patient", "fold"]].drop_duplicates()) - patients
    unread = int(x_rays["error"].notna().sum())
    return Figure(
        "Folds",
        f"{len(readable):,} images of {patients:,} patients; {crossing} patients are in two folds; "
        f"the share with air goes from {table['share with air'].min():.1%} to {table['share with air'].max():.1%}. "
        f"Left out because they cannot be read: {unread}.",
        table,
        "A row a fold: images, patients, images with air",
    )


FIGURES: tuple[Draw, ...] = (network_images, folds)
