"""Demo data in Kaggle's layout: drawn chest X-rays, a third of them with a pneumothorax whose mask is known.

Air makes a lung only a little darker, and folds of skin, bullae and shoulder blades look like it: what tells it is a
fine line with no vessels beyond. As among the real files, some pictures have several rows, none, or cannot be read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.phantom import distractors
from pulmo.phantom.exposure import random_exposure, random_thorax
from pulmo.phantom.pneumothorax import random_pneumothorax
from pulmo.phantom.radiograph import Finding, draw
from pulmo.phantom.radiograph_dicom import random_patient_header, write_radiograph
from pulmo.phantom.thorax import Thorax
from pulmo.pipeline.parallel import map_items
from pulmo.scoring.rle import EMPTY, encode, to_text

TRAIN_TABLE, TRAIN_FOLDER = "stage_2_train.csv", "dicom-images-train"
TEST_TABLE, TEST_FOLDER = "stage_2_sample_submission.csv", "stage_2_images"
IMAGE, CELLS = "ImageId", "EncodedPixels"
POSITIVE_SHARE = 0.36
SEVERAL_EVERY = 5
"""Every so many-th positive image has its mask in two rows."""
# Of the training images in the order of their ids, from `ODD_FROM` images on: one without a row, one cut short.
NO_ROW, CUT_SHORT = 7, 11
ODD_FROM = 20
NO_IMAGE = "1.2.276.0.7230010.3.1.4.8323329.99999.1517875299.999999"
"""A row without an image."""


@dataclass(frozen=True)
class PhantomSettings:
    """How many images, from which seed, and how large a side."""

    train_images: int = 240
    test_images: int = 100
    seed: int = 0
    pixels: int = 1024


class Case(NamedTuple):
    """One image to draw; `uids` are those of study, series and image; `several` asks for more than one row."""

    image: str
    uids: tuple[str, str, str]
    positive: bool
    several: bool
    seed: int


class Order(NamedTuple):
    """One image to write: sent to another process, so small."""

    path: Path
    case: Case
    pixels: int


class Written(NamedTuple):
    """What became of an order: its cells in the table, and how many pixels of air."""

    cells: tuple[str, ...]
    area: int
    view: str
    sex: str


def write_phantom(
    folder: Path,
    solution: Path,
    settings: PhantomSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write the competition's files into `folder`, and the test images' masks to the file `solution`.

    Training images lie in folders of study and series, test images flat, as Kaggle had them. `progress` is told
    (done, total) after each image. Equal settings write equal bytes.

    Returns:
        The hidden truth, a row an image: `image`, `positive`, `area` (pixels), `view`, `sex`, and whether it is in the
        `test` set.
    """
    settings = settings or PhantomSettings()
    train, test = cohort(settings)
    folder.mkdir(parents=True, exist_ok=True)
    solution.parent.mkdir(parents=True, exist_ok=True)
    places = {case.image: folder / TRAIN_FOLDER / case.uids[0] / case.uids[1] for case in train}
    places |= {case.image: folder / TEST_FOLDER for case in test}
    orders = {c.image: Order(places[c.image] / f"{c.image}.dcm", c, settings.pixels) for c in (*train, *test)}
    written: dict[str, Written] = {}
    for image, result in map_items(write_image, orders):
        if isinstance(result, Exception):
            raise result
        written[image] = result
        if progress:
            progress(len(written), len(orders))
    odd = len(train) >= ODD_FROM
    if odd:
        _cut_short(orders[train[CUT_SHORT].image].path)
    rows = [(c.image, cell) for n, c in enumerate(train) for cell in written[c.image].cells if not odd or n != NO_ROW]
    # The leading space is the competition's own.
    _write(folder / TRAIN_TABLE, [*rows, (NO_IMAGE, EMPTY)] if odd else rows, f" {CELLS}")
    _write(folder / TEST_TABLE, [(case.image, EMPTY) for case in test], CELLS)
    _write(solution, [(case.image, cell) for case in test for cell in written[case.image].cells], CELLS)
    return pd.DataFrame(
        {
            "image": case.image,
            "positive": case.positive,
            "area": written[case.image].area,
            "view": written[case.image].view,
            "sex": written[case.image].sex,
            "test": case in test,
        }
        for case in (*train, *test)
    )


def cohort(settings: PhantomSettings) -> tuple[list[Case], list[Case]]:
    """Training and test images, in the order of their tables."""
    rng = np.random.default_rng(settings.seed)
    sets = []
    for count, is_test in ((settings.train_images, False), (settings.test_images, True)):
        positive = rng.permutation(count) < round(POSITIVE_SHARE * count)
        several = positive & (np.cumsum(positive) % SEVERAL_EVERY == 1)
        numbers = rng.choice(14_000, count, replace=False).tolist()
        seeds = rng.integers(2**31, size=count).tolist()
        cases = []
        for number, ill, split, seed in zip(numbers, positive.tolist(), several.tolist(), seeds, strict=True):
            root, tail = "1.2.276.0.7230010.3.1", f"8323329.{number}.{1517875160 + number // 150}.{seed % 1_000_000}"
            study, series, image = f"{root}.2.{tail}", f"{root}.3.{tail}", f"{root}.4.{tail}"
            name = f"ID_{seed:08x}{number % 16:x}" if is_test else image
            cases.append(Case(name, (study, series, image), ill, split, seed))
        sets.append(cases)
    return sets[0], sets[1]


def write_image(order: Order) -> Written:
    """Draw a patient's X-ray and write it."""
    rng = np.random.default_rng([order.case.seed, 0])
    thorax = random_thorax(rng)
    exposure = random_exposure(thorax, rng)
    sitter = random_patient_header(thorax, rng)
    study, series, image = order.case.uids
    sitter = sitter._replace(study=study, series=series, image=image)
    findings = _distractors(thorax, rng)
    mask = np.zeros((order.pixels, order.pixels), np.uint8)
    if order.case.positive:
        air = random_pneumothorax(thorax, rng)
        drained = rng.random() < 0.25
        findings = (air, *findings, *(distractors.drain(thorax, air.side, rng) if drained else ()))
        mask = air.mask(exposure.canvas(order.pixels))
    grey = draw(thorax, exposure, order.pixels, order.case.seed, findings).grey
    write_radiograph(order.path, grey, sitter)
    pieces = _pieces(mask) if order.case.several else [mask]
    return Written(tuple(to_text(encode(np.stack(pieces)))), int(mask.sum()), sitter.view, sitter.sex)


def _distractors(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """What else is on the picture, with a pneumothorax or without."""
    ill = thorax.view == "AP"
    chances = (
        (distractors.leads, 0.5 if ill else 0.05),
        (distractors.catheter, 0.4 if ill else 0.05),
        (distractors.skin_fold, 0.25 if ill else 0.05),
        (distractors.bulla, 0.1),
        (distractors.pacemaker, 0.04),
        (distractors.nodules, 0.06),
        (distractors.atelectasis, 0.1),
        (distractors.effusion, 0.1),
    )
    found: list[Finding] = [*distractors.marker(rng)]
    for make, chance in chances:
        if rng.random() < chance:
            found += make(thorax, rng)
    return tuple(found)


def _pieces(mask: np.ndarray) -> list[np.ndarray]:
    """The mask as two that overlap, as in some of the real rows."""
    columns = np.flatnonzero(mask.any(axis=0))
    pieces = [mask.copy(), mask.copy()]
    pieces[0][:, columns[columns.size * 5 // 8] :] = 0
    pieces[1][:, : columns[columns.size * 3 // 8]] = 0
    return pieces


def _cut_short(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _write(path: Path, rows: list[tuple[str, str]], cells: str) -> None:
    pd.DataFrame(rows, columns=[IMAGE, cells]).to_csv(path, index=False, lineterminator="\n")
