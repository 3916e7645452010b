"""Scans → the small volumes that the network sees, for training and prediction alike; made in parallel, each once."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.format import open_memmap

from pulmo.files import files_below, located
from pulmo.imaging.area_resample import Size
from pulmo.imaging.enhanced import read_headers
from pulmo.imaging.file_kinds import XML
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.mr import BODY, mr_volume, read_mr
from pulmo.imaging.network_volume import NODULE_ENHANCED_HU, LungFormat, network_volume
from pulmo.imaging.normalize import HIGHEST_HU, LOWEST_HU, MEAN
from pulmo.imaging.placing import counted
from pulmo.imaging.reading import read_volume
from pulmo.imaging.slices import NotASliceError
from pulmo.models.intensity_scale import IntensityScale
from pulmo.pipeline.stage import Stage

MODALITIES = ("CT", "MR")
_SHOWN = 20
"""So many scans are named in a note."""


class VolumeFormat(NamedTuple):
    """`modality` CT or MR, and what is kept of a scan (of MR: its size alone)."""

    modality: str
    lungs: LungFormat

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(slices, rows, columns, channels)."""
        return (*self.lungs.size, len(self.lungs.channels) if self.modality == "CT" else 1)

    @property
    def scale(self) -> IntensityScale:
        """What the stored values mean: HU as the tutorial has them; of the enhanced channel, from where it begins, so
        that a nodule is the brightest thing there is; or intensities up to twice the body's."""
        if self.modality == "MR":
            return IntensityScale((0.0,), (2.0 * BODY,), (0.5,))
        enhanced = [channel == "nodule_enhanced" for channel in self.lungs.channels]
        return IntensityScale(
            low=tuple(float(NODULE_ENHANCED_HU) if alone else LOWEST_HU for alone in enhanced),
            high=(HIGHEST_HU,) * len(enhanced),
            mean=tuple(0.0 if alone else MEAN for alone in enhanced),
        )

    @property
    def outside(self) -> float:
        """The stored value of air."""
        return LOWEST_HU if self.modality == "CT" else 0.0

    @property
    def shown(self) -> "VolumeFormat":
        """The same with what can be shown to people, the mean, as its first channel."""
        if self.modality == "MR" or self.lungs.channels[0] == "mean":
            return self
        return self._replace(lungs=self.lungs._replace(channels=("mean", *self.lungs.channels)))

    def to_json(self) -> dict[str, Any]:
        """For a model's record."""
        return {"modality": self.modality, **self.lungs._asdict()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "VolumeFormat":
        """From a model's record."""
        values = {name: value for name, value in record.items() if name != "modality"}
        lungs = {**values, "size": Size(*values["size"]), "channels": tuple(values["channels"])}
        return cls(record["modality"], LungFormat(**lungs))


class VolumeTask(NamedTuple):
    """A scan to read, and where its volume goes; it is sent to another process."""

    folder: Path
    volume: Path
    wanted: VolumeFormat


def modality_of(folders: Sequence[Path]) -> str:
    """CT or MR, whichever most scans are. CT where none can be read."""
    found = [modality for folder in folders if (modality := _modality(folder)) in MODALITIES]
    return max(MODALITIES, key=found.count)


def make_volumes(stage: Stage, scans: pd.DataFrame, wanted: VolumeFormat) -> tuple[pd.DataFrame, np.ndarray]:
    """The volumes of all scans that can be read; what cannot is noted with its name and why.

    Args:
        stage: whose workers and notes are used.
        scans: with `id` and `folder`.
        wanted: how they are to be.

    Returns:
        The rows of `scans` that have a volume, and the volumes, int16 (rows, *wanted.shape), memory-mapped.
    """
    kept = stage.scratch("volumes").resolve()
    files = {scan: kept / f"{hashlib.sha256(scan.encode()).hexdigest()[:24]}.npy" for scan in scans["id"]}
    folders = {scan: located(folder) for scan, folder in zip(scans["id"], scans["folder"], strict=True)}
    tasks = {
        scan: VolumeTask(folder.resolve(), files[scan], wanted)  # whichever folder a worker runs in
        for scan, folder in folders.items()
    }
    made = stage.map_rows(make_volume, tasks, "scans")
    for scan, error in made["error"].dropna().items():
        named = error.replace(str(tasks[scan].folder), str(folders[scan]))
        stage.note(f"The scan {scan} is left out: {named}")
    _note_repairs(stage, made)
    whole = scans[made["error"].isna().to_numpy()].reset_index(drop=True)
    array = kept.parent / "volumes.npy"
    shape = (len(whole), *wanted.shape)
    volumes: np.ndarray = open_memmap(array, "w+", np.int16, shape) if len(whole) else np.empty(shape, np.int16)
    for place, scan in enumerate(whole["id"]):
        volumes[place] = np.load(files[scan], allow_pickle=False)
    return whole, volumes


def make_volume(task: VolumeTask) -> dict[str, Any]:
    """One scan's volume, left in the file. Raises ScanError as reading and segmenting do."""
    if task.wanted.modality == "CT":
        volume = read_volume(task.folder)
        lungs = segment_lungs(volume).labels if task.wanted.lungs.needs_lungs else None
        small, repairs = network_volume(volume, lungs, task.wanted.lungs), volume.repairs
    else:
        scan = read_mr(task.folder)
        small, repairs = mr_volume(scan, task.wanted.lungs.size), scan.repairs
    started = task.volume.with_suffix(".started")
    with started.open("wb") as file:
        np.save(file, small, allow_pickle=False)
    started.replace(task.volume)
    # LIDC-IDRI keeps its annotations beside the slices.
    return {"repairs": "; ".join(repair for repair in repairs if not repair.endswith(XML))}


def _note_repairs(stage: Stage, made: pd.DataFrame) -> None:
    """Files left out and whatever else was mended in scans that were read, in one note."""
    repaired = [
        f"{scan}: {words}" for scan, words in made.get("repairs", pd.Series(dtype=str)).dropna().items() if words
    ]
    if repaired:
        more = f"; and {len(repaired) - _SHOWN} more" if len(repaired) > _SHOWN else ""
        stage.note(f"{counted(len(repaired), 'scan')} read with repairs: {'; '.join(repaired[:_SHOWN])}{more}")


def _modality(folder: Path) -> str:
    """Of the first slice that is of any of MODALITIES, of which a folder may hold others, such as reports."""
    for path in files_below(folder):
        try:
            modality = read_headers(path)[0].modality
        except (NotASliceError, OSError):
            continue
        if modality in MODALITIES:
            return modality
    return ""
