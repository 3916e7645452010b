"""Building blocks of a competition's data check: tables read, joined with their images, and some images read."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from pulmo.errors import Fault, ScanError, UserError
from pulmo.protocols import DataCheck, Patients

T = TypeVar("T")

SAMPLED = 6
LIBRARY_BYTES = 1_500_000_000
"""What Python and the learning libraries take before any data."""


def attempt(read: Callable[[], T]) -> tuple[T | None, tuple[Fault, ...]]:
    """The result of a reader of tables, or None and the faults that it raises."""
    try:
        return read(), ()
    except UserError as error:
        return None, error.faults


def combined(checks: Iterable[DataCheck]) -> DataCheck:
    """Several checks as one: all lists in order, disk and reading time added up, memory the largest."""
    checks = list(checks)
    return DataCheck(
        counts={name: count for check in checks for name, count in check.counts.items()},
        faults=tuple(fault for check in checks for fault in check.faults),
        notes=tuple(note for check in checks for note in check.notes),
        disk_bytes=sum(check.disk_bytes for check in checks),
        memory_bytes=max((check.memory_bytes for check in checks), default=0),
        read_seconds=sum(check.read_seconds for check in checks),
        trainings=tuple(training for check in checks for training in check.trainings),
    )


class ImageTable(NamedTuple):
    """One of Kaggle's tables and the images that it names.

    Attributes:
        title: what its ids name, in words: "training images".
        ids: reads them from the table, each once; raises UserError with the table's faults.
        images: finds every image there is by its id: files, or folders of slices; raises UserError.
        read: the competition's own reader of one image; raises ScanError.
        none_found: the fault where no id has an image; without it, a competition can do without any.
    """

    title: str
    ids: Callable[[], Sequence[str]]
    images: Callable[[], Mapping[str, Path]]
    read: Callable[[Path], object]
    none_found: Callable[[Sequence[str]], Fault] | None = None


def check_images(table: ImageTable) -> DataCheck:
    """Join a table with its images, and read some of these: the first, the last and random ones between.

    Returns:
        Counts; notes on ids without an image, images without an id, and unreadable images, all of which the stages
        leave out; the faults of table and folder, and those of the images where none of the sample can be read; the
        time that reading all images will take.
    """
    ids, faults = attempt(table.ids)
    images, more = attempt(table.images)
    if ids is None or images is None:
        return DataCheck({}, (*faults, *more))
    title = table.title
    there = [id_ for id_ in ids if id_ in images]
    counts: dict[str, int | str] = {f"{title}, in the table": len(ids), f"{title}, with a file": len(there)}
    if not there:
        missing = (table.none_found(ids),) if table.none_found else ()
        return DataCheck(counts, missing, () if missing else (f"None of the {len(ids)} {title} has a file",))
    sampled = sample(there, SAMPLED)
    unreadable: list[Fault] = []
    seconds: list[float] = []
    for id_ in sampled:
        started = time.perf_counter()
        unreadable += _unreadable(table.read, images[id_])
        seconds.append(time.perf_counter() - started)
    counts[f"{title}, read of a sample"] = f"{len(sampled) - len(unreadable)} of {len(sampled)}"
    if len(unreadable) >= len(sampled):
        return DataCheck(counts, tuple(unreadable), _unpaired(title, ids, images))
    notes = [f"One of the {title} cannot be read and is left out: {fault}" for fault in unreadable]
    read_seconds = float(np.median(seconds)) * len(there)  # the first also loads a decoder
    return DataCheck(counts, (), (*_unpaired(title, ids, images), *notes), read_seconds=read_seconds)


def check_positives(patients: Patients, positive: pd.Series, folds: int, table: Path, finding: str) -> DataCheck:
    """Check that each fold can have two patients with a finding.

    Args:
        patients: of the table's rows.
        positive: which rows have the finding, bool, with the same index.
        folds: their number, the setting features.folds.
        table: the file, for the fault.
        finding: in words: "a pneumothorax".
    """
    found = int(patients.of_row[positive].nunique())
    counts = {"patients": int(patients.of_row.nunique()), f"images with {finding}": int(positive.sum())}
    if found >= 2 * folds:
        return DataCheck(counts, (), patients.notes)
    remedy = f"Give at least {2 * folds}, or set features.folds lower"
    return DataCheck(counts, (Fault(str(table), f"{found} patients with {finding} have an image", remedy),))


def _unreadable(read: Callable[[Path], object], path: Path) -> tuple[Fault, ...]:
    try:
        read(path)
    except ScanError as error:
        return error.faults[:1]
    return ()


def _unpaired(title: str, ids: Sequence[str], images: Mapping[str, Path]) -> tuple[str, ...]:
    """Sentences on ids without an image and images without an id."""
    missing, others = [id_ for id_ in ids if id_ not in images], sorted(set(images) - set(ids))
    return tuple(
        f"{len(names)} {title} {what} and are left out, such as {names[0]}"
        for names, what in ((missing, "have no file"), (others, "have no row in the table"))
        if names
    )


def sample(names: Sequence[str], count: int, seed: int = 0) -> list[str]:
    """The first, the last and random names between, in order; `count` at most."""
    if len(names) <= count:
        return list(names)
    between = 1 + np.random.default_rng(seed).choice(len(names) - 2, count - 2, replace=False)
    return [names[place] for place in (0, *sorted(between.tolist()), len(names) - 1)]
