"""SIIM's report page, errors: the best and the worst images, and which ones are missed."""

import numpy as np
import pandas as pd

from pulmo.competitions.siim.thresholds import Thresholds, mask_of
from pulmo.pipeline.runner import Run
from pulmo.report.images import Mask, Shown, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.shares import shares_across
from pulmo.report.style import BLUE, ORANGE, SKY, panel
from pulmo.scoring.dice import PIXELS

SHOWN = 5
COLOURS = "Blue: the true outline; orange: what is said by a network that has not seen the patient"


def dice_and_area(run: Run) -> Figure:
    """Dice of each image with air against how much there is."""
    held = read(run, "fit_ensemble/out_of_fold")
    with_air = held[held["area"] > 0]
    small = with_air["area"] < with_air["area"].median()
    with panel(4.2, 2.8) as drawing:
        axes = drawing.subplots()
        axes.plot(with_air["area"] / PIXELS, with_air["dice"], ".", color=BLUE, alpha=0.5, rasterized=True)
        axes.set(xlabel="mask's share of 1024 × 1024 pixels", ylabel="Dice", ylim=(-0.03, 1.03))
        shares_across(axes)
    missed = (with_air["dice"] == 0).mean()
    return Figure(
        "What is missed",
        f"{missed:.0%} of {len(with_air):,} images with air score 0. The smaller half of the masks has a mean Dice of "
        f"{with_air.loc[small, 'dice'].mean():.3f}, the larger half {with_air.loc[~small, 'dice'].mean():.3f}.",
        drawing,
        "Scatter of Dice against mask area, logarithmic; small masks score lower",
    )


def worst_images(run: Run) -> Figure:
    """Air that was missed or marked in the wrong place."""
    with_air = _held(run, with_air=True).sort_values(["dice", "area"], ascending=[True, False])
    zero = int((with_air["dice"] == 0).sum())
    return Figure(
        "Worst images",
        f"The lowest Dice of {len(with_air):,} images with air, large masks first; {zero} of them score 0. {COLOURS}.",
        image_panels(_shown(run, with_air.head(SHOWN))),
        f"{min(SHOWN, len(with_air))} X-rays with true and predicted outlines that hardly meet",
    )


def false_alarms(run: Run) -> Figure:
    """Air that is not there."""
    without = _held(run, with_air=False)
    wrong = without[without["dice"] == 0].sort_values("presence", ascending=False)
    if wrong.empty:
        raise CannotDrawError(f"the {len(without)} held-out images without air", "are all left empty", "Be glad")
    return Figure(
        "False alarms",
        f"{len(wrong)} of {len(without):,} images without air have some marked, and score 0; first those of which the "
        f"network is surest. {COLOURS}.",
        image_panels(_shown(run, wrong.head(SHOWN))),
        f"{min(SHOWN, len(wrong))} X-rays without pneumothorax, with what was marked",
    )


def best_images(run: Run) -> Figure:
    """Air that was found where it is."""
    with_air = _held(run, with_air=True).sort_values("dice", ascending=False)
    return Figure(
        "Best images",
        f"The highest Dice of {len(with_air):,} images with air: {with_air['dice'].iloc[0]:.2f} and below. {COLOURS}.",
        image_panels(_shown(run, with_air.head(SHOWN))),
        f"{min(SHOWN, len(with_air))} X-rays on which true and predicted outlines almost agree",
    )


def _held(run: Run, with_air: bool) -> pd.DataFrame:
    held: pd.DataFrame = read(run, "fit_ensemble/out_of_fold")
    return held[(held["area"] > 0) == with_air]


def _shown(run: Run, chosen: pd.DataFrame) -> list[Shown]:
    """X-rays with both outlines; `chosen` are rows of `fit_ensemble/out_of_fold` under their places in it."""
    images, masks = (read(run, f"features/{name}") for name in ("images", "masks"))
    probability = read(run, "train_segmenter/probability")
    by_fold = read(run, "fit_ensemble/thresholds").set_index("fold")
    shown = []
    for place, row in chosen.iterrows():
        said = mask_of(np.asarray(probability[place]), row["presence"], Thresholds(**by_fold.loc[row["fold"]]))
        outlines = [Mask(masks[row["row"]] > 127, SKY), Mask(said, ORANGE)]
        shown.append(Shown(images[row["row"]], f"Dice {row['dice']:.2f}", outlines, window=(0, 255)))
    return shown


FIGURES: tuple[Draw, ...] = (dice_and_area, worst_images, false_alarms, best_images)
