"""Lung slices of the patients: made when a scan is read for its statistics, so that it is read once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.format import open_memmap

from pulmo.imaging.lung_slices import SliceFormat, lung_slices
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.reading import read_volume
from pulmo.imaging.statistics import lung_statistics


class ScanTask(NamedTuple):
    """A scan to read, and where its slices go; it is sent to another process."""

    folder: Path
    slices: Path
    wanted: SliceFormat


class PatientSlices(NamedTuple):
    """`hu` int16 (patients, slices, pixels, pixels) of `patients`, in that order; the others have none."""

    patients: list[str]
    hu: np.ndarray

    def of(self, patients: Sequence[str]) -> np.ndarray:
        """The place of each of these patients, who all have slices; (patients,) int."""
        places = {patient: place for place, patient in enumerate(self.patients)}
        return np.array([places[patient] for patient in patients], np.int64)


def measure_scan(task: ScanTask) -> dict[str, Any]:
    """A scan's `lung_statistics`; its slices are left in the file. Raises ScanError as reading and segmenting do."""
    volume = read_volume(task.folder)
    mask = segment_lungs(volume)
    started = task.slices.with_suffix(".started")
    with started.open("wb") as file:
        np.save(file, lung_slices(volume, mask.labels, task.wanted), allow_pickle=False)
    started.replace(task.slices)
    return lung_statistics(volume, mask)


def no_slices(wanted: SliceFormat) -> PatientSlices:
    """Of nobody."""
    return PatientSlices([], np.empty((0, wanted.slices, wanted.pixels, wanted.pixels), np.int16))


def read_slices(folder: Path, patients: Sequence[str], wanted: SliceFormat) -> PatientSlices:
    """The slices that `measure_scan` left in `folder` as `<patient>.npy`, of those patients who have them; in one file
    beside the folder, memory-mapped."""
    files = {patient: folder / f"{patient}.npy" for patient in patients}
    sliced = [patient for patient, file in files.items() if file.is_file()]
    shape = (len(sliced), wanted.slices, wanted.pixels, wanted.pixels)
    hu = open_memmap(folder.with_name("slices.npy"), "w+", np.int16, shape)
    for place, patient in enumerate(sliced):
        hu[place] = np.load(files[patient], allow_pickle=False)
    return PatientSlices(sliced, hu)
