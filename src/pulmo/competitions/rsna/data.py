"""Kaggle's RSNA files → checked tables."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.submission import BOX_COLUMNS, COLUMN_ALIASES, IMAGE, read_solution
from pulmo.errors import Fault, UserError
from pulmo.scoring.ids import missing_ids
from pulmo.scoring.tables import place, read_table

LABELS, CLASSES = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
TRAIN_IMAGES, TEST_IMAGES = "stage_2_train_images", "stage_2_test_images"
SAMPLE, SAMPLE_BOX = "stage_2_sample_submission.csv", "0.5 0 0 100 100"
LUNGS = "lung_rle.csv"
"""Lung masks of training images (SIIM's run-length code), which may lie beside Kaggle's files."""
NORMAL, OPACITY, OTHER = "Normal", "Lung Opacity", "No Lung Opacity / Not Normal"
UNKNOWN = ""
OLDEST_YEARS = 110
"""Ages above are errors: the competition's headers go up to 155."""


class Labels(NamedTuple):
    """The labels of the training images, which Kaggle calls patients.

    Attributes:
        images: a row an image, in the file's order: `image` (Kaggle's patientId), `class` (one of the three, or ""
            where there is no class table), `boxes` (how many).
        boxes: a row a box: `image`, `x`, `y`, `width`, `height` in pixels.
    """

    images: pd.DataFrame
    boxes: pd.DataFrame


def read_labels(folder: Path) -> Labels:
    """Read the competition's labels and, where it is there, its table of detailed classes; joined on `patientId`.

    Raises:
        UserError: with every fault of the labels; or the class table contradicts itself or them.
    """
    solution = read_solution(folder / LABELS)
    boxes = solution[solution["Target"] == 1].rename(columns={IMAGE: "image"})
    images = solution.groupby(IMAGE, sort=False)["Target"].sum().rename("boxes").reset_index()
    images = images.rename(columns={IMAGE: "image"})
    if images.empty:
        raise UserError(Fault(str(folder / LABELS), "has no image", "Download the file again"))
    kind = _read_classes(folder / CLASSES, solution) if (folder / CLASSES).is_file() else {}
    images.insert(1, "class", images["image"].map(kind).astype(object).fillna(UNKNOWN))
    return Labels(images, boxes[["image", *BOX_COLUMNS]].reset_index(drop=True))


def _read_classes(path: Path, solution: pd.DataFrame) -> dict[str, str]:
    """The class of each image, which may have several rows, as many as boxes."""
    table = read_table(path, (IMAGE, "class"), COLUMN_ALIASES)
    known = (NORMAL, OPACITY, OTHER)
    faults = [
        Fault(
            place(str(path), row, "class"), f"{table['class'].iloc[row]!r} is not known", f"Write {' or '.join(known)}"
        )
        for row in np.flatnonzero(~table["class"].isin(known))
    ]
    first = table.drop_duplicates(IMAGE).set_index(IMAGE)["class"]
    boxed = set(solution.loc[solution["Target"] == 1, IMAGE])
    expected = table[IMAGE].map(first)
    labelled = table[IMAGE].isin(set(solution[IMAGE]))
    faults += [
        Fault(place(str(path), row, "class"), f"{table['class'].iloc[row]!r}, but {why}", "Make them agree")
        for why, wrong in (
            ("another in the image's first row", table["class"] != expected),
            (f"{LABELS} contradicts it", labelled & ((table["class"] == OPACITY) != table[IMAGE].isin(boxed))),
        )
        for row in np.flatnonzero(wrong)
    ]
    faults += missing_ids(table, solution, IMAGE)
    if faults:
        raise UserError(faults)
    return {str(image): str(kind) for image, kind in first.items()}


def impossible_ages(age_years: pd.Series) -> pd.Series:
    """Which ages are impossible, (images,) bool; an unknown age is not."""
    return (age_years > OLDEST_YEARS) | (age_years < 0)
