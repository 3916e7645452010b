"""RSNA's submission format, `patientId,PredictionString`: text ↔ boxes, solution, metric, blend."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.blending.boxes import Finish, Fused, finish_boxes, fuse_boxes
from pulmo.blending.parameters import check_range, shares_of
from pulmo.errors import Fault, UserError
from pulmo.protocols import BlendParameter, Patients
from pulmo.scoring import box_precision
from pulmo.scoring.boxes import COLUMN, Boxes, check_predictions, format_boxes, parse_boxes
from pulmo.scoring.numbers import parse_numbers
from pulmo.scoring.patients import patients_of_images
from pulmo.scoring.tables import place, read_table

__all__ = ["BLEND_PARAMETERS", "blend", "check_predictions", "patients", "read_solution", "score", "to_submission"]

score = box_precision.score

IMAGE = "patientId"
"""The id column; it names an image."""
COLUMN_ALIASES = {"PatientId": IMAGE}
BOX_COLUMNS = ("x", "y", "width", "height")
NOT_A_NUMBER = "nan"  # pandas' word for an empty cell, which it also reads as one

BLEND_PARAMETERS = {
    "iou": BlendParameter(0.5, (0.3, 0.4, 0.5, 0.6, 0.7)),
    "shrink": BlendParameter(1.0, tuple(np.arange(0.80, 1.06, 0.025).round(3).tolist())),
    "threshold": BlendParameter(0.0, tuple(np.arange(0.0, 0.99, 0.03).round(3).tolist())),
    "unmatched": BlendParameter(0.0, tuple(np.arange(0.0, 0.75, 0.05).round(3).tolist())),
}
"""As `fuse_boxes` and `Finish` have them; thresholds are of the confidence after fusion."""


def to_submission(images: Sequence[str], boxes: Boxes) -> pd.DataFrame:
    """Boxes as Kaggle's table; `image` is the place among `images`."""
    return pd.DataFrame({IMAGE: list(images), COLUMN: format_boxes(boxes, len(images))})


def patients(table: pd.DataFrame, data: Path | None) -> Patients:
    """The patient of each row; `patientId` names an image, so the data folder's table of patients is read."""
    return patients_of_images(table["patientId"], data)


def read_solution(path: Path) -> pd.DataFrame:
    """A solution: the competition's labels, a row a box; an image without a box has one row with empty cells.

    `Target` may be missing; other columns are ignored.

    Returns:
        `patientId` (text), `x`, `y`, `width` and `height` (pixels; NaN where there is no box) and `Target` (0 or 1).

    Raises:
        UserError: no such file, a missing column, or a row that is neither a box nor says that there is none.
    """
    table = read_table(path, (IMAGE, *BOX_COLUMNS), COLUMN_ALIASES)
    cells = table[list(BOX_COLUMNS)].apply(lambda column: column.mask(column.str.casefold() == NOT_A_NUMBER, ""))
    boxed = (cells != "").any(axis=1).to_numpy()
    boxes = pd.DataFrame({column: parse_numbers(cells[column].to_list()) for column in BOX_COLUMNS})
    wrong = boxed & ~(np.isfinite(boxes).all(axis=1) & (boxes[["width", "height"]] > 0).all(axis=1)).to_numpy()
    faults = [
        Fault(
            place(str(path), row, "x to height"), f"{','.join(cells.iloc[row])!r} is no box", "Give all four, in pixels"
        )
        for row in np.flatnonzero(wrong)
    ]
    target = table.get("Target", pd.Series(boxed.astype(int).astype(str))).str.removesuffix(".0").to_numpy(object)
    faults += [
        Fault(
            place(str(path), row, "Target"),
            f"{target[row]!r} beside {'a' if boxed[row] else 'no'} box",
            "Write 1 beside a box; where there is none, write 0 and leave x to height empty",
        )
        for row in np.flatnonzero(target != boxed.astype(int).astype(str))
    ]
    faults += _boxed_and_not(table, boxed, str(path))
    if faults:
        raise UserError(sorted(faults, key=lambda fault: fault.where))
    solution = pd.concat([table[[IMAGE]], boxes], axis=1).assign(Target=boxed.astype(np.int64))
    solution.attrs = table.attrs
    return solution


def _boxed_and_not(table: pd.DataFrame, boxed: np.ndarray, file: str) -> list[Fault]:
    """An image that has a box cannot have a row that says there is none."""
    ids = table[IMAGE]
    both = ids.isin(ids[boxed]).to_numpy() & ~boxed
    return [
        Fault(place(file, row, IMAGE), f"{ids.iloc[row]!r} has boxes in other rows, none here", "Remove the row")
        for row in np.flatnonzero(both)
    ]


def blend(
    tables: Sequence[pd.DataFrame],
    weights: Sequence[float],
    iou: float = 0.5,
    shrink: float = 1.0,
    threshold: float = 0.0,
    unmatched: float = 0.0,
) -> pd.DataFrame:
    """Weighted box fusion of several submissions with the same ids; of a single one, its boxes shrunk and sifted.

    Args:
        tables: submissions, whose cells have been checked; ids in any order.
        weights: one a table, not negative; they are divided by their sum.
        iou: see `fuse_boxes`. A file that stands alone is not fused with itself.
        shrink: see `Finish`, as are the other two.
        threshold: least confidence.
        unmatched: least confidence of a box that no other matches; without effect on a single file.

    Returns:
        A submission in the order of the first table.

    Raises:
        UserError: a weight or another parameter is out of range.
    """
    weights = shares_of(weights).tolist()
    for name, value in (("iou", iou), ("threshold", threshold), ("unmatched", unmatched)):
        check_range(name, value, 0.0, 1.0)
    check_range("shrink", shrink, 0.1, 10.0)
    images = tables[0][IMAGE].to_list()
    kept = [place for place, weight in enumerate(weights) if weight > 0]
    sources = [_boxes_of(tables[place], images) for place in kept]
    if len(sources) == 1:
        fused = Fused(sources[0], np.full(len(sources[0].image), 2))
    else:
        fused = fuse_boxes(sources, [weights[place] for place in kept], len(images), iou)
    return to_submission(images, finish_boxes(fused, Finish(threshold, unmatched, shrink)))


def _boxes_of(table: pd.DataFrame, images: Sequence[str]) -> Boxes:
    """The boxes of a submission, `image` being the place among `images`."""
    boxes = parse_boxes(table)[0]
    places = pd.Index(images).get_indexer(table[IMAGE])
    return boxes._replace(image=places[boxes.image].astype(np.int64))
