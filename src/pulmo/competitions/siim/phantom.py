"""Demo data in Kaggle's layout: drawn chest X-rays, a third of them with a pneumothorax whose mask is known.

A pneumothorax makes a lung only a little darker, as do skin folds, bullae and shoulder blades: its sign is a fine line
without vessels beyond it. As among the real files, some images have several rows, none, or cannot be read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.siim.data import SAMPLES, TEST_IMAGES, TRAIN_IMAGES, TRAIN_TABLES
from pulmo.competitions.siim.submission import ENCODED_PIXELS, IMAGE
from pulmo.phantom import distractors
from pulmo.phantom.exposure import random_exposure, random_thorax
from pulmo.phantom.pneumothorax import random_pneumothorax
from pulmo.phantom.radiograph import Finding, draw
from pulmo.phantom.radiograph_dicom import random_patient_header
from pulmo.phantom.thorax import Thorax
from pulmo.pipeline.csv_files import write_tables
from pulmo.pipeline.parallel import map_all
from pulmo.radiographs.phantom import ODD_FROM, ImageOrder, RadiographPhantomSettings, cut_short, write_image
from pulmo.scoring.rle import EMPTY, encode, to_text

POSITIVE_SHARE = 0.36
SEVERAL_EVERY = 5
"""Every so many-th positive image has its mask in two rows."""
# Of the training images in the order of their table, from `ODD_FROM` images on: one without a row, one cut short.
NO_ROW, CUT_SHORT = 7, 11
NO_IMAGE = "1.2.276.0.7230010.3.1.4.8323329.99999.1517875299.999999"
"""A row without an image."""


@dataclass(frozen=True)
class PhantomSettings(RadiographPhantomSettings):
    """See there; of so many test images, as Dice varies much."""

    test_images: int = 100


class Case(NamedTuple):
    """One image to draw; `uids` are those of study, series and image; with `several` its mask is in two rows."""

    image: str
    uids: tuple[str, str, str]
    positive: bool
    several: bool
    seed: int


class Written(NamedTuple):
    """What has been drawn: the encoded masks of the image's rows, the pixels of pneumothorax, the header's view and
    sex."""

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

    Training images lie in folders of study and series, test images flat, as Kaggle had them. `progress` is called with
    (done, total) after each image. Equal settings write equal bytes.

    Returns:
        The hidden truth, a row an image: `image`, `positive`, `area` (pixels), `view`, `sex`, and whether it is in the
        `test` set.
    """
    settings = settings or PhantomSettings()
    train, test = cohort(settings)
    places = {case.image: folder / TRAIN_IMAGES / case.uids[0] / case.uids[1] for case in train}
    places |= {case.image: folder / TEST_IMAGES[0] for case in test}
    orders = {c.image: ImageOrder(places[c.image] / f"{c.image}.dcm", c, settings.pixels) for c in (*train, *test)}
    written = map_all(draw_image, orders, progress)
    rows = [(case.image, cell) for case in train for cell in written[case.image].cells]
    if len(train) >= ODD_FROM:
        cut_short(orders[train[CUT_SHORT].image].path)
        rows = [*(row for row in rows if row[0] != train[NO_ROW].image), (NO_IMAGE, EMPTY)]
    write_tables(
        {
            folder / TRAIN_TABLES[0]: _table(rows, f" {ENCODED_PIXELS}"),  # the leading space is the competition's own
            folder / SAMPLES[0]: _table([(case.image, EMPTY) for case in test]),
            solution: _table([(case.image, cell) for case in test for cell in written[case.image].cells]),
        }
    )
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


def draw_image(order: ImageOrder[Case]) -> Written:
    """Draw a patient's X-ray and write it."""
    rng = np.random.default_rng([order.case.seed, 0])
    thorax = random_thorax(rng)
    exposure = random_exposure(thorax, rng)
    study, series, image = order.case.uids
    header = random_patient_header(thorax, rng)._replace(study=study, series=series, image=image)
    findings = _distractors(thorax, rng)
    mask = np.zeros((order.pixels, order.pixels), np.uint8)
    if order.case.positive:
        pneumothorax = random_pneumothorax(thorax, rng)
        drained = rng.random() < 0.25
        findings = (pneumothorax, *findings, *(distractors.drain(thorax, pneumothorax.side, rng) if drained else ()))
        mask = pneumothorax.mask(exposure.canvas(order.pixels))
    grey = draw(thorax, exposure, order.pixels, order.case.seed, findings).grey
    write_image(order.path, grey, header)
    masks = _overlapping_parts(mask) if order.case.several else [mask]
    return Written(tuple(to_text(encode(np.stack(masks)))), int(mask.sum()), header.view, header.sex)


def _distractors(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """What else the image shows, with a pneumothorax or without."""
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


def _overlapping_parts(mask: np.ndarray) -> list[np.ndarray]:
    """The mask as two that overlap, as in some of the real rows."""
    columns = np.flatnonzero(mask.any(axis=0))
    parts = [mask.copy(), mask.copy()]
    parts[0][:, columns[columns.size * 5 // 8] :] = 0
    parts[1][:, : columns[columns.size * 3 // 8]] = 0
    return parts


def _table(rows: list[tuple[str, str]], cells: str = ENCODED_PIXELS) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[IMAGE, cells])
