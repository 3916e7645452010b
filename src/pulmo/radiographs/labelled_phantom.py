"""Drawn X-rays whose labels are known: several images of most patients, each with a finding for every label it has."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.phantom.exposure import random_exposure, random_thorax
from pulmo.phantom.radiograph import Finding, draw
from pulmo.phantom.radiograph_dicom import random_patient_header
from pulmo.phantom.thorax import Thorax
from pulmo.pipeline.parallel import map_all
from pulmo.radiographs.phantom import ODD_FROM, ImageOrder, RadiographPhantomSettings, cut_short, write_image

DrawFinding = Callable[[Thorax, np.random.Generator], tuple[Finding, ...]]
"""What an image with a label shows; a module's function, because it is sent to other processes."""

LABEL_SHARE = 0.35
"""Of the images, for each label."""
NEW_PATIENT = 0.6
"""The probability that an image is of another patient than the one before."""


class ImagePlaces(NamedTuple):
    """The folders of training and test images, and the `suffix` of their files, see `phantom.write_image`."""

    train: Path
    test: Path
    suffix: str


class LabelledCase(NamedTuple):
    """One image to draw: its id, the seed of its patient's thorax, its own seed, and what it shows."""

    image: str
    patient: int
    seed: int
    findings: tuple[DrawFinding, ...]


def draw_labelled_images(
    places: ImagePlaces,
    findings: Mapping[str, DrawFinding],
    settings: RadiographPhantomSettings,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw training and test images of different patients; the last training image is cut short, if there are many.

    Args:
        places: where they go.
        findings: what is drawn for each label.
        settings: how many, from which seed; equal settings give equal bytes.
        progress: called with (done, total) after each image.

    Returns:
        The tables of training and test images: `image`, `patient`, and a column a label, 0 or 1.
    """
    rng = np.random.default_rng(settings.seed)
    tables, orders = [], dict[str, ImageOrder[LabelledCase]]()
    for folder, count in ((places.train, settings.train_images), (places.test, settings.test_images)):
        table = _random_labels(rng, count, list(findings))
        tables.append(table)
        for row in table.to_dict("records"):
            shown = tuple(draw for name, draw in findings.items() if row[name])
            case = LabelledCase(row["image"], int(row["patient"], 16), int(rng.integers(2**31)), shown)
            orders[case.image] = ImageOrder(folder / f"{case.image}{places.suffix}", case, settings.pixels)
    map_all(draw_labelled_image, orders, progress)
    train, test = tables
    if len(train) >= ODD_FROM:
        cut_short(orders[train["image"].iloc[-1]].path)
    return train, test


def draw_labelled_image(order: ImageOrder[LabelledCase]) -> None:
    """Draw an X-ray with its findings, and write it."""
    case = order.case
    thorax, rng = random_thorax(np.random.default_rng(case.patient)), np.random.default_rng(case.seed)
    findings = tuple(finding for draw_finding in case.findings for finding in draw_finding(thorax, rng))
    grey = draw(thorax, random_exposure(thorax, rng), order.pixels, case.seed, findings).grey
    write_image(order.path, grey, random_patient_header(thorax, rng))


def _random_labels(rng: np.random.Generator, count: int, labels: list[str]) -> pd.DataFrame:
    new = rng.random(count) < NEW_PATIENT
    new[0] = True
    patients = rng.choice(2**31, int(new.sum()), replace=False)[np.cumsum(new) - 1]
    images = rng.choice(2**48, count, replace=False)
    columns = {"image": [f"{image:012x}" for image in images], "patient": [f"{patient:08x}" for patient in patients]}
    shown = (rng.random((count, len(labels))) < LABEL_SHARE).astype(np.int64)
    return pd.DataFrame({**columns, **dict(zip(labels, shown.T, strict=True))})
