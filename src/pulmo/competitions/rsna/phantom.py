"""Demo data in Kaggle's layout: drawn chest X-rays, a third of them with pneumonia, boxes around each opacity.

Another third is ill in other ways (a large heart, nodules, fluid, tubes and wires), so that brightness alone tells
little: only soft-edged clouds in the lungs count.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd

from pulmo.phantom import distractors
from pulmo.phantom.consolidation import Box, random_consolidations
from pulmo.phantom.exposure import random_exposure, random_thorax
from pulmo.phantom.radiograph import Finding, draw
from pulmo.phantom.radiograph_dicom import random_patient_header, write_radiograph
from pulmo.phantom.thorax import Thorax
from pulmo.pipeline.parallel import map_items
from pulmo.scoring.rle import encode, to_text

TRAIN_TABLE, TRAIN_FOLDER = "stage_2_train_labels.csv", "stage_2_train_images"
CLASSES_TABLE, LUNG_TABLE = "stage_2_detailed_class_info.csv", "lung_rle.csv"
TEST_TABLE, TEST_FOLDER = "stage_2_sample_submission.csv", "stage_2_test_images"
NORMAL, OPACITY, OTHER = "Normal", "Lung Opacity", "No Lung Opacity / Not Normal"
OPACITY_SHARE, OTHER_SHARE = 0.36, 0.34
SAMPLE_CELL = "0.5 0 0 100 100"
# Of the training patients in the order of their ids, from `ODD_FROM` patients on.
IMPOSSIBLE_AGE, AGE = 5, "148"
ODD_FROM = 20
_NO_BOX = (None, None, None, None)
_RLE = ["ImageId", "EncodedPixels"]
DRAWN = 2
"""Boxes are found on the picture as drawn, at half its size."""


@dataclass(frozen=True)
class PhantomSettings:
    """How many images, from which seed, and how large a side."""

    train_images: int = 240
    test_images: int = 40
    seed: int = 0
    pixels: int = 1024


class Case(NamedTuple):
    """One patient to draw, and the age in the header if it is not to be left to the lot."""

    patient: str
    kind: str
    seed: int
    age: str | None = None


class Order(NamedTuple):
    """One image to write: sent to another process, so small."""

    path: Path
    case: Case
    pixels: int


class Written(NamedTuple):
    """What became of an order: its boxes, the run-length cell of its lungs, and the header's view and sex."""

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

    Beside Kaggle's files, `lung_rle.csv` has the lungs of the training images as SIIM writes masks. `progress` is told
    (done, total) after each image. Equal settings write equal bytes.

    Returns:
        The hidden truth, a row an image: `patient`, `class`, `boxes` (their number), `view`, `sex`, and whether it is
        in the `test` set.
    """
    settings = settings or PhantomSettings()
    train, test = cohort(settings)
    folder.mkdir(parents=True, exist_ok=True)
    solution.parent.mkdir(parents=True, exist_ok=True)
    orders = {
        case.patient: Order(folder / where / f"{case.patient}.dcm", case, settings.pixels)
        for where, cases in ((TRAIN_FOLDER, train), (TEST_FOLDER, test))
        for case in cases
    }
    written: dict[str, Written] = {}
    for patient, result in map_items(write_image, orders):
        if isinstance(result, Exception):
            raise result
        written[patient] = result
        if progress:
            progress(len(written), len(orders))
    labels = _labels(train, written)
    kinds = {case.patient: case.kind for case in train}
    _write(folder / TRAIN_TABLE, labels)
    _write(folder / CLASSES_TABLE, labels[["patientId"]].assign(**{"class": labels["patientId"].map(kinds)}))
    _write(folder / LUNG_TABLE, pd.DataFrame([(c.patient, written[c.patient].lungs) for c in train], columns=_RLE))
    _write(folder / TEST_TABLE, pd.DataFrame({"patientId": [c.patient for c in test], "PredictionString": SAMPLE_CELL}))
    _write(solution, _labels(test, written))
    return pd.DataFrame(
        {
            "patient": case.patient,
            "class": case.kind,
            "boxes": len(written[case.patient].boxes),
            "view": written[case.patient].view,
            "sex": written[case.patient].sex,
            "test": case in test,
        }
        for case in (*train, *test)
    )


def cohort(settings: PhantomSettings) -> tuple[list[Case], list[Case]]:
    """Training and test patients, each in the order of their ids."""
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


def write_image(order: Order) -> Written:
    """Draw a patient's X-ray and write it."""
    case = order.case
    rng = np.random.default_rng([case.seed, 0])
    thorax = random_thorax(rng)
    findings: tuple[Finding, ...] = distractors.marker(rng)
    if case.kind == OTHER:
        thorax, findings = _otherwise_ill(thorax, findings, rng)
    exposure = random_exposure(thorax, rng)
    boxes: tuple[Box, ...] = ()
    if case.kind == OPACITY:
        clouds, boxes = random_consolidations(thorax, exposure.canvas(order.pixels // DRAWN), rng)
        findings = (*clouds, *findings, *_attended(thorax, rng))
    drawing = draw(thorax, exposure, order.pixels, case.seed, findings)
    sitter = random_patient_header(thorax, rng)._replace(patient=case.patient)
    sitter = sitter if case.age is None else sitter._replace(age=case.age)
    write_radiograph(order.path, drawing.grey, sitter)
    (lungs,) = to_text(encode(drawing.lungs[None]))
    return Written(tuple(_at_full_size(box) for box in boxes), lungs, sitter.view, sitter.sex)


def _otherwise_ill(
    thorax: Thorax, findings: tuple[Finding, ...], rng: np.random.Generator
) -> tuple[Thorax, tuple[Finding, ...]]:
    """One or two things that are no pneumonia."""
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
    return thorax, (*findings, *_attended(thorax, rng))


def _attended(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Wires and lines of those who are looked after in bed."""
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
    """A row a box, and one with empty cells for a patient without."""
    rows: list[tuple[str, float | None, float | None, float | None, float | None, int]] = []
    for case in cases:
        boxes = written[case.patient].boxes
        rows += [(case.patient, *box, 1) for box in boxes] or [(case.patient, *_NO_BOX, 0)]
    table = pd.DataFrame(rows, columns=["patientId", "x", "y", "width", "height", "Target"])
    return table.astype(dict.fromkeys(("x", "y", "width", "height"), float))


def _write(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, index=False, lineterminator="\n")
