"""SIIM's submission format, `ImageId,EncodedPixels`: text ↔ masks, solution, metric, blend."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pulmo.blending.parameters import shares_of
from pulmo.errors import CommandLineError, Fault, UserError
from pulmo.protocols import BlendParameter, Patients
from pulmo.scoring import dice
from pulmo.scoring.ids import shared_rows
from pulmo.scoring.metric import require_solution_columns
from pulmo.scoring.patients import patients_of_images
from pulmo.scoring.rle import RunLengthMasks, area, find_faults, parse, to_text, vote
from pulmo.scoring.tables import read_table

IMAGE, ENCODED_PIXELS = "ImageId", dice.ENCODED_PIXELS

score = dice.score
check_predictions = dice.check_predictions

BLEND_PARAMETERS: Mapping[str, BlendParameter] = {
    "threshold": BlendParameter(0.5, tuple(number / 20 for number in range(1, 20)))
}
"""The share of votes that a pixel needs; a small one gives the union. A least area, too, gained on one half of real
submissions what it lost on the other."""


def to_submission(images: Sequence[str], masks: RunLengthMasks) -> pd.DataFrame:
    """The mask of each image as Kaggle's table, in the same order."""
    return pd.DataFrame({IMAGE: list(images), ENCODED_PIXELS: to_text(masks)})


def patients(table: pd.DataFrame, data: Path | None) -> Patients:
    """The patient of each row, by the data folder's table of patients: Kaggle's files name images alone."""
    return patients_of_images(table[IMAGE], data)


def score_parts(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str) -> dict[str, float]:
    """The mean Dice of images with and without a pneumothorax; NaN where there is none of them."""
    require_solution_columns(solution, (row_id_column_name, ENCODED_PIXELS))
    ids = solution[row_id_column_name]
    positive = ids.isin(ids[area(parse(solution[ENCODED_PIXELS].astype(str).to_list())) > 0])
    parts = {}
    for name, rows in (("with pneumothorax", positive), ("without pneumothorax", ~positive)):
        truth, predicted = shared_rows(solution[rows], submission, row_id_column_name)
        parts[name] = score(truth, predicted, row_id_column_name) if len(truth) else float("nan")
    return parts


def read_solution(path: Path) -> pd.DataFrame:
    """A solution, such as a `train-rle.csv` in any of its published forms (with or without its header).

    Returns:
        `ImageId` and `EncodedPixels` (text) as they stand there: several rows of one image are to be united.

    Raises:
        UserError: no such file, a missing column, no row, or a cell that is no run-length code.
    """
    table, header_rows = _with_header(read_table(path, ()), path)
    faults = [
        Fault(f"{path}, row {fault.row + 1 + header_rows}, {ENCODED_PIXELS}", fault.what, fault.remedy)
        for fault in find_faults(table[ENCODED_PIXELS].to_list(), dice.PIXELS)
    ]
    if table.empty:
        faults.append(Fault(str(path), "has no row", "Download the file again"))
    if faults:
        raise UserError(faults)
    return table[[IMAGE, ENCODED_PIXELS]]


def _with_header(table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, int]:
    """The table, and how many rows its header has: where there is none, the first row has been taken for it."""
    first = list(table.columns)
    if len(first) != 2 or IMAGE in first or ENCODED_PIXELS in first or find_faults(first[1:], dice.PIXELS):
        return read_table(path, (IMAGE, ENCODED_PIXELS)), 1
    rows = pd.concat([pd.DataFrame([first], columns=table.columns), table], ignore_index=True)
    rows = rows.set_axis([IMAGE, ENCODED_PIXELS], axis=1)
    rows.attrs["file"] = str(path)
    return rows, 0


def blend(tables: Sequence[pd.DataFrame], weights: Sequence[float], threshold: float = 0.5) -> pd.DataFrame:
    """Every pixel put to the vote of several submissions with the same ids.

    Args:
        tables: submissions, whose cells have been checked; ids in any order.
        weights: one a table, not negative; they are divided by their sum.
        threshold: the share of votes that a pixel needs, above 0 and at most 1.

    Returns:
        A submission in the order of the first table.

    Raises:
        UserError: the threshold would let every pixel in, or none.
    """
    if not 0 < threshold <= 1:
        what = "is not above 0 and at most 1"
        raise CommandLineError(Fault(f"threshold {threshold:g}", what, "Set a share of the votes"))
    ids = tables[0][IMAGE]
    masks = [parse(table.set_index(IMAGE)[ENCODED_PIXELS].loc[ids].to_list()) for table in tables]
    return to_submission(ids.to_list(), vote(masks, shares_of(weights).tolist(), threshold))
