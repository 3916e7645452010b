"""RSNA's report page, errors: best and worst X-rays and false positives, with true and predicted boxes."""

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.features import image_scale
from pulmo.competitions.rsna.figures.boxes import held_out
from pulmo.competitions.rsna.figures.headers import classes_of
from pulmo.competitions.rsna.rasterize import scaled
from pulmo.pipeline.runner import Run
from pulmo.report.images import ImagePanel, boxes_on, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import ORANGE, SKY
from pulmo.scoring.box_precision import overlaps
from pulmo.scoring.boxes import Boxes

SHOWN = 5
COLOURS = "Blue: radiologists' boxes; orange: out-of-fold predictions with their highest IoU"


def worst_images(run: Run) -> Figure:
    """X-rays with opacities that were missed or localized wrongly."""
    held, truth, found = held_out(run)
    positive = _positive(held, truth).sort_values("score", kind="stable")
    # Of those with score 0, the ones with most boxes, true and predicted, first.
    count = np.bincount(np.concatenate([truth.image, found.image]), minlength=len(held))
    positive = positive.assign(count=count[positive.index]).sort_values(["score", "count"], ascending=[True, False])
    zero, missed = int((positive["score"] == 0).sum()), int((~positive.index.isin(found.image)).sum())
    return Figure(
        "Worst images",
        f"{zero} of {len(positive):,} X-rays with opacities score 0, {missed} of them without any prediction. "
        f"{COLOURS}.",
        image_panels(_shown(run, positive.head(SHOWN), truth, found)),
        f"{min(SHOWN, len(positive))} X-rays with little overlap of true and predicted boxes",
    )


def best_images(run: Run) -> Figure:
    """X-rays with opacities that were localized well."""
    held, truth, found = held_out(run)
    positive = _positive(held, truth).sort_values("score", ascending=False, kind="stable")
    return Figure(
        "Best images",
        f"The highest precision of {len(positive):,} X-rays with opacities: {positive['score'].iloc[0]:.2f} and below. "
        f"{COLOURS}.",
        image_panels(_shown(run, positive.head(SHOWN), truth, found)),
        f"{min(SHOWN, len(positive))} X-rays with large overlap of true and predicted boxes",
    )


def false_positives(run: Run) -> Figure:
    """False positives: boxes on X-rays without opacity."""
    held, truth, found = held_out(run)
    negative = held[~held.index.isin(truth.image)]
    wrong = negative[negative["score"] == 0]
    if wrong.empty:
        raise CannotDrawError(
            f"{len(negative)} held-out X-rays without opacity", "have no predicted box", "No action needed"
        )
    strongest = pd.Series(found.confidence).groupby(found.image).max()
    wrong = wrong.assign(confidence=strongest[wrong.index]).sort_values("confidence", ascending=False)
    known = read(run, "features/image_table").set_index("image").loc[wrong["image"]]
    kinds = ", ".join(f"{len(rows)} {name}" for name, rows in classes_of(known.reset_index()).items())
    return Figure(
        "False positives",
        f"{len(wrong)} of {len(negative):,} X-rays without opacity have a predicted box and score 0 ({kinds}); the "
        f"most confident ones first. {COLOURS}.",
        image_panels(_shown(run, wrong.head(SHOWN), truth, found)),
        f"{min(SHOWN, len(wrong))} X-rays without opacity, with predicted boxes",
    )


def _positive(held: pd.DataFrame, truth: Boxes) -> pd.DataFrame:
    positive = held[held.index.isin(truth.image)]
    if positive.empty:
        raise CannotDrawError("the held-out X-rays", "have no box", "Give more data, or train more folds")
    return positive


def _shown(run: Run, chosen: pd.DataFrame, truth: Boxes, found: Boxes) -> list[ImagePanel]:
    """X-rays at network size, boxes in its pixels; `chosen` are rows of `held_out`'s table."""
    image_table, images = read(run, "features/image_table"), read(run, "features/images")
    scale = image_scale(image_table, images.shape[1])
    places = pd.Index(image_table["image"])
    shown = []
    for image, row in chosen.iterrows():
        place = int(places.get_loc(row["image"]))
        true, predicted = (boxes.take(boxes.image == image) for boxes in (truth, found))
        overlap = overlaps(predicted.xywh, true.xywh).max(axis=1, initial=0)
        labels = [f"IoU {iou:.2f}" for iou in overlap.tolist()]
        drawn = boxes_on(_in_image(true, scale[place]), SKY)
        drawn += boxes_on(_in_image(predicted, scale[place]), ORANGE, labels)
        highest = f", confidence {predicted.confidence.max():.2f}" if len(predicted.image) else ", no prediction"
        shown.append(ImagePanel(images[place], f"precision {row['score']:.2f}{highest}", boxes=drawn, window=(0, 255)))
    return shown


def _in_image(boxes: Boxes, scale: np.ndarray) -> np.ndarray:
    return scaled(boxes.xywh, np.tile(scale, (len(boxes.xywh), 1)))


FIGURES: tuple[Draw, ...] = (worst_images, false_positives, best_images)
