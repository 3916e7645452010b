"""Demo data: chest CTs with and without nodules, in Kaggle's layout or LIDC-IDRI's, and small animals under MR.

Only the nodules differ between the classes: bodies, lungs, vessels, scanners and noise are drawn alike for both.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pulmo.competitions.dsb.lidc import is_class_b
from pulmo.phantom.annotation import readings, write_annotation
from pulmo.phantom.chest import Body, chest
from pulmo.phantom.dicom import Encoding, Series, write_series
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import Grid, axial, evenly
from pulmo.phantom.mr import TumourKind, animal, scan_animal, write_localizer
from pulmo.phantom.nodules import Nodule, place_nodules, with_nodules
from pulmo.phantom.protocol import ENCODINGS
from pulmo.pipeline.csv_files import write_tables
from pulmo.pipeline.parallel import map_all

SMALLEST_MM, LARGEST_MM, MOST_NODULES = 4.0, 30.0, 5
CANCER_MM = 12.0
"""In Kaggle's layout, a scan with cancer has a nodule of this size at the least, which two slices cut wherever it lies;
others may be smaller."""
BRANCHES, HILUM_MM = 8, 14.0
"""Vessels in a lung, and how far apart they enter: in one point they would make a clump like a nodule's."""
BROKEN, LEFT_WITHOUT_FOLDER, ODD_FROM = 3, 7, 30
"""In Kaggle's layout, from so many scans on, one training scan is no DICOM and another is missing."""
CLASSES: dict[int, TumourKind] = {0: "necrotic", 1: "uniform"}
CLASS_FOLDERS = ("BN-175", "R1")


@dataclass(frozen=True)
class PhantomSettings:
    """How many scans, in which layout, from which seed.

    `layout` kaggle has its hidden test set in `stage2/`; lidc and mr hold all scans, and the run holds some out.
    `matrix` is the side of a CT slice in pixels.
    """

    train_scans: int = 84
    test_scans: int = 24
    seed: int = 0
    layout: Literal["kaggle", "lidc", "mr"] = "kaggle"
    matrix: int = 192


@dataclass(frozen=True)
class Subject:
    """What is true of one scan: `label`, and of a CT the nodules that make it so."""

    name: str
    label: int
    test: bool
    nodules_mm: tuple[float, ...]
    seed: int


def write_phantom(
    folder: Path,
    solution: Path,
    settings: PhantomSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write scans and labels into `folder`, and what is true of the hidden ones (of all, where the run holds them out)
    to the file `solution`. `progress` is called with (done, total) after each scan. Equal settings write equal bytes.

    Returns:
        The truth, a row a scan: the fields of `Subject`.
    """
    settings = settings or PhantomSettings()
    subjects = cohort(settings)
    if settings.layout == "kaggle":
        hidden = [subject for subject in subjects if subject.test]
        write_tables(
            {
                folder / "stage1_labels.csv": _labels([subject for subject in subjects if not subject.test]),
                folder / "stage2_sample_submission.csv": _labels(hidden).assign(cancer=0.5),
                solution: _labels(hidden),
            }
        )
    else:
        write_tables({solution: _labels(subjects)})
    orders = {subject.name: ScanOrder(folder, settings, subject) for subject in _scanned(folder, settings, subjects)}
    map_all(write_scan, orders, progress)
    return pd.DataFrame(map(asdict, subjects))


def cohort(settings: PhantomSettings) -> list[Subject]:
    """Half of the scans of either class (of MR, as in the slides, fewer bright ones), in random order."""
    rng = np.random.default_rng(settings.seed)
    share = 20 / 71 if settings.layout == "mr" else 0.5
    # Each class by itself, so that the hidden test set has as many of both.
    labels = np.concatenate(
        [rng.permutation(np.arange(part) < round(share * part)) for part in (settings.train_scans, settings.test_scans)]
    )
    return [
        _subject(settings, number, int(label), number >= settings.train_scans, int(rng.integers(2**31)))
        for number, label in enumerate(labels)
    ]


def _subject(settings: PhantomSettings, number: int, label: int, test: bool, seed: int) -> Subject:
    rng = np.random.default_rng([seed, 0])
    if settings.layout == "mr":
        return Subject(f"{CLASS_FOLDERS[label]}/rat{number:03d}/T1_FFE", label, test, (), seed)
    fewest, most = {"kaggle": ((0, 0), (1, MOST_NODULES)), "lidc": ((0, 1), (2, MOST_NODULES))}[settings.layout][label]
    smallest = np.full(rng.integers(fewest, most + 1), SMALLEST_MM)
    smallest[:1] = CANCER_MM if settings.layout == "kaggle" else SMALLEST_MM
    sizes = np.exp(rng.uniform(np.log(smallest), np.log(LARGEST_MM)))
    nodules = tuple(round(float(size), 1) for size in sorted(sizes, reverse=True))
    if settings.layout == "kaggle":
        return Subject(rng.bytes(16).hex(), label, test, nodules, seed)
    study = f"LIDC-IDRI-{number + 1:04d}/01-01-2000-{seed % 100000:05d}"
    return Subject(f"{study}/3000{seed % 1000:03d}.000000", int(is_class_b(len(nodules))), test, nodules, seed)


@dataclass(frozen=True)
class ScanOrder:
    """One scan to write: sent to another process, so small."""

    folder: Path
    settings: PhantomSettings
    subject: Subject


def write_scan(order: ScanOrder) -> int:
    """Draw one subject by a random protocol and write the series; the number of its slices."""
    subject, layout = order.subject, order.settings.layout
    if layout == "mr":
        place = order.folder / subject.name
        series = Series(subject.name.split("/")[1], description="T1_FFE")
        if subject.seed % 8 == 0:
            write_localizer(place.with_name("survey"), series)
        return len(scan_animal(place, animal(CLASSES[subject.label], subject.seed), series, subject.seed))
    place = order.folder / (("stage2" if subject.test else "stage1") if layout == "kaggle" else "") / subject.name
    body, nodules = anatomy(subject)
    grid, encoding, noise_sd = _protocol(body, subject.seed, order.settings.matrix)
    series = Series(subject.name.split("/")[0])
    files = write_series(place, draw(body, grid, subject.seed, noise_sd), grid, series, encoding)
    if layout == "lidc":
        write_annotation(place / f"{subject.seed % 1000:03d}.xml", files, grid, readings(nodules, subject.seed))
        _write_overviews(place.parent, series, subject.seed)
    return len(files)


def anatomy(subject: Subject) -> tuple[Body, list[Nodule]]:
    """The patient's body, and the nodules in its lungs."""
    rng = np.random.default_rng([subject.seed, 3])
    size = float(rng.uniform(0.95, 1.05))
    litres = float(rng.uniform(1.9, 2.4)) * size**3
    body = chest(0.95 * litres, 1.1 * litres, size).with_vessels(subject.seed, BRANCHES, HILUM_MM)
    nodules = place_nodules(body, subject.nodules_mm, subject.seed)
    return with_nodules(body, nodules).on_table(), nodules


def _protocol(body: Body, seed: int, matrix: int) -> tuple[Grid, Encoding, float]:
    """Slices 4.5 to 6 mm apart over the whole lungs."""
    rng = np.random.default_rng([seed, 2])
    heights = np.concatenate([lung.surface()[:, 2] for lung in body.lungs])
    spacing = float(rng.choice([4.5, 5.0, 6.0]))
    pixel = round(2 * body.skin.semi_axes_mm[0] * float(rng.uniform(1.02, 1.1)) / matrix, 6)
    middle = (0.0, float(np.rint(rng.normal(8, 3))), round(float(heights.min() + heights.max()) / 2, 2))
    count = int(np.ceil((np.ptp(heights) + 16) / spacing)) + 1
    encoding = ENCODINGS[rng.integers(len(ENCODINGS))]
    return axial(evenly(count, spacing), (matrix, matrix), pixel, middle), encoding, float(rng.uniform(12, 40))


def _write_overviews(study: Path, series: Series, seed: int) -> None:
    """As in LIDC-IDRI: a scout beside some scans, and an X-ray of the chest beside others."""
    frame, grid = np.full((1, 64, 64), -200, np.int16), axial((0.0,), (64, 64), 6.0)
    if seed % 3 == 0:
        scout = Series(series.patient, "scout", description="SCOUT", image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
        write_series(study / "1.000000-Scout", frame, grid, scout)
    elif seed % 3 == 1:
        x_ray = Series(series.patient, "x-ray", modality="DX", description="CHEST PA")
        write_series(study / "2.000000-NA", frame, grid, x_ray)


def _scanned(folder: Path, settings: PhantomSettings, subjects: list[Subject]) -> list[Subject]:
    """Those whose scan is written; of the others something else, or nothing."""
    if settings.layout != "kaggle" or settings.train_scans < ODD_FROM:
        return subjects
    broken = folder / "stage1" / subjects[BROKEN].name / "1.dcm"
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_text("This is not a DICOM file.\n", encoding="utf-8", newline="\n")
    return [subject for number, subject in enumerate(subjects) if number not in (BROKEN, LEFT_WITHOUT_FOLDER)]


def _labels(subjects: list[Subject]) -> pd.DataFrame:
    return pd.DataFrame({"id": [subject.name for subject in subjects], "cancer": [s.label for s in subjects]})
