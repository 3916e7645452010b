"""RSNA's report page, errors: the best and the worst X-rays, with true and predicted boxes and their overlap."""

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
COLOURS = (
    "Blue: the doctors' boxes; orange: boxes by networks that have not seen the patient, with their overlap (the "
    "greatest IoU)"
)


def worst_images(run: Run) -> Figure:
    """Opacities that were missed, or boxed in the wrong place."""
    patients, truth, found = held_out(run)
    positive = _positive(patients, truth).sort_values("score", kind="stable")
    # Of those that score nothing, the ones with something to be seen first: most boxes, true and found.
    count = np.bincount(np.concatenate([truth.image, found.image]), minlength=len(patients))
    positive = positive.assign(count=count[positive.index]).sort_values(["score", "count"], ascending=[True, False])
    zero, unseen = int((positive["score"] == 0).sum()), int((~positive.index.isin(found.image)).sum())
    return Figure(
        "Worst images",
        f"Of {len(positive):,} X-rays with opacities {zero} score 0, {unseen} of them because nothing was said. "
        f"{COLOURS}.",
        image_panels(_shown(run, positive.head(SHOWN), truth, found)),
        f"{min(SHOWN, len(positive))} X-rays whose true and predicted boxes hardly meet",
    )


def best_images(run: Run) -> Figure:
    """Opacities that were boxed as the doctors did."""
    patients, truth, found = held_out(run)
    positive = _positive(patients, truth).sort_values("score", ascending=False, kind="stable")
    return Figure(
        "Best images",
        f"The highest precision of {len(positive):,} X-rays with opacities: {positive['score'].iloc[0]:.2f} and below. "
        f"{COLOURS}.",
        image_panels(_shown(run, positive.head(SHOWN), truth, found)),
        f"{min(SHOWN, len(positive))} X-rays on which true and predicted boxes almost agree",
    )


def false_alarms(run: Run) -> Figure:
    """Boxes where there is no opacity."""
    patients, truth, found = held_out(run)
    negative = patients[~patients.index.isin(truth.image)]
    alarm = negative[negative["score"] == 0]
    if alarm.empty:
        raise CannotDrawError(f"{len(negative)} held-out X-rays without opacity", "have no box on them", "Be glad")
    strongest = pd.Series(found.confidence).groupby(found.image).max()
    alarm = alarm.assign(confidence=strongest[alarm.index]).sort_values("confidence", ascending=False)
    known = read(run, "features/patients").set_index("patient").loc[alarm["patient"]]
    kinds = ", ".join(f"{len(rows)} {name}" for name, rows in classes_of(known.reset_index()).items())
    return Figure(
        "False alarms",
        f"{len(alarm)} of {len(negative):,} X-rays without opacity have a box on them and score 0 ({kinds}); the most "
        f"confident ones. {COLOURS}.",
        image_panels(_shown(run, alarm.head(SHOWN), truth, found)),
        f"{min(SHOWN, len(alarm))} X-rays without opacity, with predicted boxes",
    )


def _positive(patients: pd.DataFrame, truth: Boxes) -> pd.DataFrame:
    positive = patients[patients.index.isin(truth.image)]
    if positive.empty:
        raise CannotDrawError("the held-out patients", "have no box", "Give more data, or train more folds")
    return positive


def _shown(run: Run, chosen: pd.DataFrame, truth: Boxes, found: Boxes) -> list[ImagePanel]:
    """X-rays at network size, boxes in its pixels; `chosen` are rows of `held_out`'s patients."""
    everybody, images = read(run, "features/patients"), read(run, "features/images")
    scale = image_scale(everybody, images.shape[1])
    places = pd.Index(everybody["patient"])
    shown = []
    for image, row in chosen.iterrows():
        place = int(places.get_loc(row["patient"]))
        true, said = (boxes.take(boxes.image == image) for boxes in (truth, found))
        overlap = overlaps(said.xywh, true.xywh).max(axis=1, initial=0)
        labels = [f"IoU {iou:.2f}" for iou in overlap.tolist()]
        drawn = boxes_on(_in_picture(true, scale[place]), SKY)
        drawn += boxes_on(_in_picture(said, scale[place]), ORANGE, labels)
        surest = f", surest {said.confidence.max():.2f}" if len(said.image) else ", nothing said"
        shown.append(ImagePanel(images[place], f"precision {row['score']:.2f}{surest}", boxes=drawn, window=(0, 255)))
    return shown


def _in_picture(boxes: Boxes, scale: np.ndarray) -> np.ndarray:
    return scaled(boxes.xywh, np.tile(scale, (len(boxes.xywh), 1)))


FIGURES: tuple[Draw, ...] = (worst_images, false_alarms, best_images)
