"""RSNA's report page, data: X-rays by class, box statistics, and example X-rays."""

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.data import LABELS, TRAIN_IMAGES, read_labels
from pulmo.competitions.rsna.figures.headers import SEED, SHORT, classes_of
from pulmo.competitions.rsna.figures.patients import FIGURES as OF_PATIENTS
from pulmo.competitions.rsna.rasterize import paint, scaled
from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.errors import ScanError
from pulmo.imaging.radiograph import read_radiograph
from pulmo.pipeline.runner import Run
from pulmo.radiographs.files import ImageFolder, find_images
from pulmo.report.charts import bars, coverage_map
from pulmo.report.images import ImagePanel, boxes_on, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw
from pulmo.report.style import SKY
from pulmo.scoring.boxes import SIDE

PER_CLASS = 5
GRID = 64


def class_shares(run: Run) -> Figure:
    """X-rays by class."""
    labels = read_labels(run.paths.data)
    counts = pd.Series({name: len(rows) for name, rows in classes_of(labels.images).items()})
    positive = int((labels.images["boxes"] > 0).sum())
    return Figure(
        "Classes",
        f"{len(labels.images):,} X-rays, {positive:,} of them ({positive / len(labels.images):.1%}) with "
        f"{len(labels.boxes):,} boxes around opacities. X-rays with several boxes have several rows: "
        f"{_share_of_rows(labels.images):.1%} of the rows have a box.",
        bars(counts.rename(index=SHORT), "X-rays"),
        "Bars: X-rays by class: " + ", ".join(f"{name} {count}" for name, count in counts.items()),
    )


def _share_of_rows(images: pd.DataFrame) -> float:
    return float(images["boxes"].sum() / images["boxes"].clip(lower=1).sum())


def boxes_per_image(run: Run) -> Figure:
    """Number of boxes per X-ray, and their size."""
    labels = read_labels(run.paths.data)
    if labels.boxes.empty:
        raise CannotDrawError(str(run.paths.data / LABELS), "has no box", "Download the file again")
    counts = labels.images["boxes"].value_counts().sort_index()
    share = labels.boxes["width"] * labels.boxes["height"] / SIDE**2
    taller = (labels.boxes["height"] > labels.boxes["width"]).mean()
    return Figure(
        "Boxes per X-ray",
        f"At most {counts.index.max()} boxes per X-ray; the median box covers {share.median():.1%} of the image, and "
        f"{taller:.0%} are taller than wide.",
        bars(counts.rename(index=lambda number: f"{number} box{'es' if number != 1 else ''}"), "X-rays"),
        "Bars: X-rays by number of boxes",
    )


def box_heat_map(run: Run) -> Figure:
    """Spatial distribution of opacities: the fraction of boxes that cover each part of the image."""
    boxes = read_labels(run.paths.data).boxes
    if boxes.empty:
        raise CannotDrawError(str(run.paths.data / LABELS), "has no box", "Download the file again")
    xywh = scaled(boxes[list(BOX_COLUMNS)].to_numpy(np.float64), np.full((len(boxes), 2), GRID / SIDE))
    covered = np.zeros((GRID, GRID))
    for box in xywh:
        covered += paint(box[None], GRID) / 255
    share = covered / len(boxes)
    left_half = (boxes["x"] + boxes["width"] / 2 < SIDE / 2).mean()
    row, column = np.unravel_index(np.argmax(share), share.shape)
    return Figure(
        "Box positions",
        f"{len(boxes):,} boxes, {left_half:.0%} of them over the patient's right lung (left in the image). At most "
        f"{np.max(share):.0%} cover one point, at x = {(column + 0.5) * SIDE / GRID:.0f}, y = "
        f"{(row + 0.5) * SIDE / GRID:.0f}; {share[GRID // 2, GRID // 2]:.0%} cover the image's centre.",
        coverage_map(share, SIDE, "fraction of boxes"),
        "Heat map of box positions, with one maximum over each lung",
    )


def samples_by_class(run: Run) -> Figure:
    """Example X-rays of each class with their boxes."""
    labels = read_labels(run.paths.data)
    files = find_images(labels.images["image"], ImageFolder(run.paths.data / TRAIN_IMAGES))
    if not files:
        raise CannotDrawError(str(run.paths.data / TRAIN_IMAGES), "holds no X-ray", "Put Kaggle's files there")
    shown = []
    for name, rows in classes_of(labels.images[labels.images["image"].isin(files)]).items():
        of_class = 0
        for image in np.random.default_rng(SEED).permutation(rows["image"].to_numpy(str)).tolist():
            try:
                x_ray = read_radiograph(files[image])
            except ScanError:
                continue
            boxes = labels.boxes.loc[labels.boxes["image"] == image, list(BOX_COLUMNS)]
            drawn = boxes_on(boxes.to_numpy(np.float64), SKY)
            shown.append(ImagePanel(x_ray.grey, SHORT[name].replace("\n", " "), boxes=drawn, window=(0, 255)))
            of_class += 1
            if of_class == PER_CLASS:
                break
    return Figure(
        "X-rays of each class",
        f"{len(shown)} of {len(files):,} X-rays, drawn at random (seed {SEED}), up to {PER_CLASS} per class; the "
        "radiologists' boxes are blue.",
        image_panels(shown),
        f"{len(shown)} chest X-rays with their classes",
    )


FIGURES: tuple[Draw, ...] = (class_shares, boxes_per_image, *OF_PATIENTS, box_heat_map, samples_by_class)
