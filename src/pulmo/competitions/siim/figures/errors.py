"""SIIM's report page, errors: Dice by mask area, best and worst images, and false positives."""

import numpy as np
import pandas as pd

from pulmo.competitions.siim.thresholds import Thresholds, mask_of
from pulmo.pipeline.runner import Run
from pulmo.report.images import ImagePanel, MaskOutline, image_panels
from pulmo.report.page import Figure
from pulmo.report.percent_axis import log_percent_axis
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import ORANGE, SKY, panel
from pulmo.scoring.dice import PIXELS

SHOWN = 5
COLOURS = "Blue: true mask; orange: out-of-fold prediction"


def dice_and_area(run: Run) -> Figure:
    """Dice by mask area, for images with pneumothorax."""
    held = read(run, "fit_ensemble/out_of_fold")
    positive = held[held["area"] > 0]
    small = positive["area"] < positive["area"].median()
    with panel(4.2, 2.8) as drawing:
        axes = drawing.subplots()
        # A picture of points keeps its colours in the dark, where BLUE is dim.
        axes.plot(positive["area"] / PIXELS, positive["dice"], ".", color=SKY, alpha=0.7, rasterized=True)
        axes.set(xlabel="mask area, fraction of the image", ylabel="Dice", ylim=(-0.03, 1.03))
        log_percent_axis(axes)
    missed = (positive["dice"] == 0).mean()
    return Figure(
        "Dice by mask area",
        f"{missed:.0%} of {len(positive):,} images with pneumothorax score 0. The smaller half of the masks has a "
        f"mean Dice of {positive.loc[small, 'dice'].mean():.3f}, the larger half "
        f"{positive.loc[~small, 'dice'].mean():.3f}.",
        drawing,
        "Scatter plot of Dice against mask area, logarithmic",
    )


def worst_images(run: Run) -> Figure:
    """Images with pneumothorax that was missed or segmented wrongly."""
    positive = _held(run, positive=True).sort_values(["dice", "area"], ascending=[True, False])
    zero = int((positive["dice"] == 0).sum())
    return Figure(
        "Worst images",
        f"Lowest Dice of {len(positive):,} images with pneumothorax, large masks first; {zero} score 0. {COLOURS}.",
        image_panels(_shown(run, positive.head(SHOWN))),
        f"{min(SHOWN, len(positive))} X-rays with little overlap of true and predicted masks",
    )


def false_positives(run: Run) -> Figure:
    """False positives: predicted masks on images without pneumothorax."""
    without = _held(run, positive=False)
    wrong = without[without["dice"] == 0].sort_values("presence", ascending=False)
    if wrong.empty:
        raise CannotDrawError(
            f"{len(without)} held-out images without pneumothorax", "have empty masks", "No action needed"
        )
    return Figure(
        "False positives",
        f"{len(wrong)} of {len(without):,} images without pneumothorax have a predicted mask and score 0; the highest "
        f"presence probabilities first. {COLOURS}.",
        image_panels(_shown(run, wrong.head(SHOWN))),
        f"{min(SHOWN, len(wrong))} X-rays without pneumothorax, with predicted masks",
    )


def best_images(run: Run) -> Figure:
    """Images with pneumothorax that was segmented well."""
    positive = _held(run, positive=True).sort_values("dice", ascending=False)
    return Figure(
        "Best images",
        f"Highest Dice of {len(positive):,} images with pneumothorax: {positive['dice'].iloc[0]:.2f} and below. "
        f"{COLOURS}.",
        image_panels(_shown(run, positive.head(SHOWN))),
        f"{min(SHOWN, len(positive))} X-rays with large overlap of true and predicted masks",
    )


def _held(run: Run, positive: bool) -> pd.DataFrame:
    held: pd.DataFrame = read(run, "fit_ensemble/out_of_fold")
    return held[(held["area"] > 0) == positive]


def _shown(run: Run, chosen: pd.DataFrame) -> list[ImagePanel]:
    """X-rays with true and predicted outlines; `chosen` are rows of `fit_ensemble/out_of_fold` with its index."""
    images, masks = (read(run, f"features/{name}") for name in ("images", "masks"))
    probability = read(run, "train_segmenter/probability")
    by_fold = read(run, "fit_ensemble/thresholds").set_index("fold")
    shown = []
    for place, row in chosen.iterrows():
        predicted = mask_of(np.asarray(probability[place]), row["presence"], Thresholds(**by_fold.loc[row["fold"]]))
        outlines = [MaskOutline(masks[row["row"]] > 127, SKY), MaskOutline(predicted, ORANGE)]
        shown.append(ImagePanel(images[row["row"]], f"Dice {row['dice']:.2f}", outlines, window=(0, 255)))
    return shown


FIGURES: tuple[Draw, ...] = (dice_and_area, worst_images, false_positives, best_images)
