"""A table of labels and a folder of images → the training set: one row an image, its header, its patient, its fold."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.errors import Fault, UserError
from pulmo.imaging.radiograph import resized
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import HEADER, ImageFormat, cache_images
from pulmo.radiographs.files import ImageFolder, files_of_table
from pulmo.radiographs.patients import image_patients
from pulmo.scoring.patients import PatientTable, require_known_image
from pulmo.training.folds import stratified_folds

COVERED = 255
"""The value of a pixel that a mask covers wholly, at network size."""


class LabelSource(NamedTuple):
    """Where labels and images are from.

    Attributes:
        table: the file of labels, for messages.
        folder: of the images.
        patients: the patient of each image where it is known beside the headers, see `scoring.patients`.
    """

    table: Path
    folder: ImageFolder
    patients: PatientTable | None = None


def read_labelled_images(
    stage: Stage, labels: pd.DataFrame, source: LabelSource, image_format: ImageFormat
) -> pd.DataFrame:
    """Read the image of each row of a table into the stage's declared output `images`.

    Rows without a file, files without a row and images that cannot be read are noted, and where the patients are from.

    Args:
        stage: declares the output `images`, uint8 (rows, pixels, pixels).
        labels: one row an image: `image` (its id), and what else is known; with a column `patient`, that one counts.
        source: where both are from.
        image_format: size and contrast of the output, and the reader.

    Returns:
        The rows that have a file, in the order of `images`: the columns of `labels`, those of HEADER (`error` is None
        for an image that has been read) and `patient`, who for an unreadable image is the image itself.

    Raises:
        UserError: no row has a file, or an image has two; or the user's table of patients has none of the images. No
            image has been read then.
    """
    files = files_of_table(stage, labels["image"], source.folder, source.table)
    rows = labels[labels["image"].isin(files)].reset_index(drop=True)
    if "patient" not in labels:
        require_known_image(rows["image"].to_list(), source.patients)
    headers = cache_images(stage, "images", files, image_format).reset_index(drop=True)
    rows = rows.assign(**{name: headers[name] for name in HEADER if name not in rows})
    if "patient" not in labels:
        rows["patient"] = _patients(stage, rows, source.patients)
        _note_unknown(stage, labels["image"], source)
    return rows


def require_positives(
    images: pd.DataFrame, positive: np.ndarray, folds: int, table: Path, finding: str = "a finding"
) -> None:
    """Check that every fold can have two patients with a finding, one to learn from where the other is held out.

    Args:
        images: `patient` and `error` of each, see `read_labelled_images`.
        positive: which images show a finding, (images,) bool.
        folds: how many there will be.
        table: the file of labels, for the error.
        finding: in words, for the error.

    Raises:
        UserError: too few patients with a finding have a readable image.
    """
    count = images.loc[positive & images["error"].isna(), "patient"].nunique()
    if count < 2 * folds:
        what = f"{count} patients with {finding} have a readable image"
        raise UserError(Fault(str(table), what, f"Give at least {2 * folds}, or set features.folds lower"))


def patient_folds(stage: Stage, images: pd.DataFrame, kinds: np.ndarray, count: int) -> np.ndarray:
    """Folds by patient with equal shares of every kind, (images,) int64; -1 for images that cannot be read.

    Args:
        stage: for its seed.
        images: `patient` and `error` of each, see `read_labelled_images`.
        kinds: a number for each image, (images,); see `stratified_folds`.
        count: number of folds.
    """
    readable = images["error"].isna().to_numpy()
    fold = np.full(len(images), -1, np.int64)
    fold[readable] = stratified_folds(images["patient"].to_numpy(str)[readable], kinds[readable], count, stage.seed)
    return fold


def kinds_of_labels(label: np.ndarray) -> np.ndarray:
    """A stratum for each image of several labels, (images,) int: the rank of its rarest label, 0 without any.

    Args:
        label: 0 or 1, (images, labels). The commonest has rank 1.
    """
    rank = np.empty(label.shape[1], np.int64)
    rank[np.argsort(-label.sum(axis=0), kind="stable")] = 1 + np.arange(label.shape[1])
    return np.asarray((label * rank).max(axis=1))


def resized_mask(mask: np.ndarray, pixels: int) -> np.ndarray:
    """A mask of 0 and 1 (rows, columns) → uint8 (pixels, pixels): COVERED times the share of each pixel it covers."""
    return resized(np.ascontiguousarray(COVERED * mask), pixels)


def _patients(stage: Stage, rows: pd.DataFrame, table: PatientTable | None) -> pd.Series:
    readable = rows["error"].isna()
    known = rows[readable]
    names = known["patient"].astype(object).fillna("").to_list()
    found, notes = image_patients(known["image"].to_list(), names, table)
    for note in notes:
        stage.note(note)
    patients = rows["image"].copy()
    patients[readable] = found
    return patients


def _note_unknown(stage: Stage, labelled: pd.Series, source: LabelSource) -> None:
    """Note the images of the table of patients that have no label."""
    if source.patients is None:
        return
    unknown = sorted(set(source.patients.of_image).difference(labelled))
    if unknown:
        name = source.patients.path.name
        stage.note(f"{len(unknown)} images in {name} have no row in {source.table.name}, such as {unknown[0]}")
