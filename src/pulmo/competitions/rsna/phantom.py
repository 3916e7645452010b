"""Demo data in Kaggle's layout: drawn chest X-rays, a third of them with pneumonia, boxes around each opacity.

Another third has other findings (a large heart, nodules, fluid, tubes and wires), so that brightness alone does not
separate the classes: only soft-edged opacities in the lungs count.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.data import (
    CLASSES,
    LABELS,
    LUNGS,
    NORMAL,
    OPACITY,
    OTHER,
    SAMPLE,
    SAMPLE_BOX,
    TEST_IMAGES,
    TRAIN_IMAGES,
)
from pulmo.competitions.rsna.submission import BOX_COLUMNS, IMAGE
from pulmo.phantom import distractors
from pulmo.phantom.consolidation import Box, random_consolidations
from pulmo.phantom.exposure import random_exposure, random_thorax
from pulmo.phantom.radiograph import Finding, draw
from pulmo.phantom.radiograph_dicom import random_patient_header
from pulmo.phantom.thorax import Thorax
from pulmo.pipeline.csv_files import write_tables
from pulmo.pipeline.parallel import map_all
from pulmo.radiographs.phantom import ODD_FROM, ImageOrder, RadiographPhantomSettings, write_image
from pulmo.scoring.boxes import COLUMN
from pulmo.scoring.rle import encode, to_text

OPACITY_SHARE, OTHER_SHARE = 0.36, 0.34
# Of the training images in the order of their ids, from `ODD_FROM` images on.
IMPOSSIBLE_AGE, AGE = 5, "148"
_NO_BOX = (None, None, None, None)
_RLE = ["ImageId", "EncodedPixels"]
DRAWN = 2
"""Boxes are measured on the drawing at half the image's size."""


@dataclass(frozen=True)
class PhantomSettings(RadiographPhantomSettings):
    """How many images, from which seed, and how large a side."""


class Case(NamedTuple):
    """One image to draw, and the age in the header where it is not random."""

    image: str
    kind: str
    seed: int
    age: str | None = None


class Written(NamedTuple):
    """What has been drawn: the boxes, the run-length code of the lungs, and the header's view and sex."""

    boxes: tuple[Box, ...]
    lungs: str
    view: str
    sex: str


def write_phantom(
    folder: Path,
    solution: Path,
    settings: PhantomSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write the competition's files into `folder`, and the test images' labels to the file `solution`.

    Beside Kaggle's files, `lung_rle.csv` has the lungs of the training images as SIIM writes masks. `progress` is
    called with (done, total) after each image. Equal settings write equal bytes.

    Returns:
        The hidden truth, a row an image: `image`, `class`, `boxes` (their number), `view`, `sex`, and whether it is
        in the `test` set.
    """
    settings = settings or PhantomSettings()
    train, test = cohort(settings)
    orders = {
        case.image: ImageOrder(folder / where / f"{case.image}.dcm", case, settings.pixels)
        for where, cases in ((TRAIN_IMAGES, train), (TEST_IMAGES, test))
        for case in cases
    }
    written = map_all(draw_image, orders, progress)
    labels = _labels(train, written)
    kinds = {case.image: case.kind for case in train}
    write_tables(
        {
            folder / LABELS: labels,
            folder / CLASSES: labels[[IMAGE]].assign(**{"class": labels[IMAGE].map(kinds)}),
            folder / LUNGS: pd.DataFrame([(c.image, written[c.image].lungs) for c in train], columns=_RLE),
            folder / SAMPLE: pd.DataFrame({IMAGE: [c.image for c in test], COLUMN: SAMPLE_BOX}),
            solution: _labels(test, written),
        }
    )
    return pd.DataFrame(
        {
            "image": case.image,
            "class": case.kind,
            "boxes": len(written[case.image].boxes),
            "view": written[case.image].view,
            "sex": written[case.image].sex,
            "test": case in test,
        }
        for case in (*train, *test)
    )


def cohort(settings: PhantomSettings) -> tuple[list[Case], list[Case]]:
    """Training and test images, each in the order of their ids."""
    rng = np.random.default_rng(settings.seed)
    sets: list[list[Case]] = []
    for count in (settings.train_images, settings.test_images):
        opacity, other = round(OPACITY_SHARE * count), round(OTHER_SHARE * count)
        kinds = [OPACITY] * opacity + [OTHER] * other + [NORMAL] * (count - opacity - other)
        names = sorted(str(UUID(bytes=rng.bytes(16), version=4)) for _ in range(count))
        order, seeds = rng.permutation(count).tolist(), rng.integers(2**31, size=count).tolist()
        sets.append([Case(n, kinds[place], seed) for n, place, seed in zip(names, order, seeds, strict=True)])
    train, test = sets
    if len(train) >= ODD_FROM:
        train[IMPOSSIBLE_AGE] = train[IMPOSSIBLE_AGE]._replace(age=AGE)
    return train, test


def draw_image(order: ImageOrder[Case]) -> Written:
    """Draw an X-ray and write it."""
    case = order.case
    rng = np.random.default_rng([case.seed, 0])
    thorax = random_thorax(rng)
    findings: tuple[Finding, ...] = distractors.marker(rng)
    if case.kind == OTHER:
        thorax, findings = _other_findings(thorax, findings, rng)
    exposure = random_exposure(thorax, rng)
    boxes: tuple[Box, ...] = ()
    if case.kind == OPACITY:
        clouds, boxes = random_consolidations(thorax, exposure.canvas(order.pixels // DRAWN), rng)
        findings = (*clouds, *findings, *_lines_and_wires(thorax, rng))
    drawing = draw(thorax, exposure, order.pixels, case.seed, findings)
    header = random_patient_header(thorax, rng)._replace(patient=case.image)
    header = header if case.age is None else header._replace(age=case.age)
    write_image(order.path, drawing.grey, header)
    (lungs,) = to_text(encode(drawing.lungs[None]))
    return Written(tuple(_at_full_size(box) for box in boxes), lungs, header.view, header.sex)


def _other_findings(
    thorax: Thorax, findings: tuple[Finding, ...], rng: np.random.Generator
) -> tuple[Thorax, tuple[Finding, ...]]:
    """One or two findings that are no pneumonia."""
    makers = (
        distractors.nodules,
        distractors.effusion,
        distractors.atelectasis,
        distractors.pacemaker,
        distractors.bulla,
        None,
    )
    for place in rng.choice(len(makers), int(rng.integers(1, 3)), replace=False).tolist():
        make = makers[place]
        if make is None:
            thorax = replace(thorax, heart=float(rng.uniform(1.28, 1.5)))
        else:
            findings = (*findings, *make(thorax, rng))
    return thorax, (*findings, *_lines_and_wires(thorax, rng))


def _lines_and_wires(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Wires and lines, which patients X-rayed in bed (AP) often have."""
    chance = 0.5 if thorax.view == "AP" else 0.05
    found: tuple[Finding, ...] = ()
    for make in (distractors.leads, distractors.catheter):
        if rng.random() < chance:
            found = (*found, *make(thorax, rng))
    return found


def _at_full_size(box: Box) -> Box:
    x, y, width, height = box
    return x * DRAWN, y * DRAWN, width * DRAWN, height * DRAWN


def _labels(cases: list[Case], written: dict[str, Written]) -> pd.DataFrame:
    """A row a box, and one with empty cells for an image without."""
    rows: list[tuple[str, float | None, float | None, float | None, float | None, int]] = []
    for case in cases:
        boxes = written[case.image].boxes
        rows += [(case.image, *box, 1) for box in boxes] or [(case.image, *_NO_BOX, 0)]
    table = pd.DataFrame(rows, columns=[IMAGE, *BOX_COLUMNS, "Target"])
    return table.astype(dict.fromkeys(BOX_COLUMNS, float))
