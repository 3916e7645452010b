"""Several folds trained at the same time on a CPU, each in its own process with its share of the cores.

A small network leaves most cores idle, because its steps are too short to be divided.
"""

import os
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pulmo.errors import Fault, UserError
from pulmo.pipeline.parallel import check_processes_start, cores, prepare_process
from pulmo.pipeline.progress import track
from pulmo.pipeline.stage import Stage
from pulmo.training.device import computing_on


class Jobs(Protocol):
    """The trainings of one cross-validation. They are sent to other processes."""

    def trainer(self, stage: Stage) -> Any:
        """Compile the network, once for all folds."""

    def train(self, stage: Stage, trainer: Any, number: int) -> None:
        """Train without a fold, and save the results as a checkpoint of the stage."""


def progress_title(stage: Stage) -> str:
    """Of the progress bar over folds."""
    return f"{stage.spec.name}, folds"


def train_in_parallel(stage: Stage, jobs: Jobs, folds: Sequence[int], processes: int) -> None:
    """Train without each of the folds, in processes that have the same number of threads however many folds there are,
    so that a resumed training ends with the weights it would have had.

    Raises:
        UserError: a process died, or an error of the training's own.
    """
    work, here = uuid.uuid4().hex, Path.cwd()
    futures = [_worker_pool(processes).submit(_train_in_worker, stage, here, work, jobs, number) for number in folds]
    try:
        for future in track(as_completed(futures), progress_title(stage), len(futures)):
            _copy_notes(stage, future)
    except BrokenProcessPool:
        _worker_pool.cache_clear()
        check_processes_start()
        raise UserError(
            Fault(
                f"stage {stage.spec.name}",
                f"one of {processes} processes that trained networks has died, most likely for want of memory",
                "Run it again: folds that are done are kept; or set parallel_folds of these networks lower",
            )
        ) from None
    finally:
        for future in futures:
            future.cancel()


def _copy_notes(stage: Stage, future: Future[list[str]]) -> None:
    for note in future.result():
        stage.note(note)


@cache
def _worker_pool(processes: int) -> ProcessPoolExecutor:
    """Processes that stay until this one ends: loading Keras takes as long as some trainings."""
    ForkingPickler.register(np.memmap, reduce_memmap)
    # Spawned, because a forked child of a process with threads may hang.
    return ProcessPoolExecutor(processes, get_context("spawn"), prepare_process, (max(1, cores() // processes),))


_compiled: dict[str, Any] = {}  # in a worker: its last trainer, by the work it is of


def _train_in_worker(stage: Stage, here: Path, work: str, jobs: Jobs, number: int) -> list[str]:
    """Train a fold in a process of the pool; the stage's notes."""
    import keras

    os.chdir(here)  # paths are relative to it, and it may be another than when the process was started
    with computing_on("cpu"):
        if work not in _compiled:
            _compiled.clear()
            keras.backend.clear_session()
            _compiled[work] = jobs.trainer(stage)
        jobs.train(stage, _compiled[work], number)
    return stage.notes


def reduce_memmap(array: np.memmap) -> str | tuple[Any, ...]:
    """How a memory-mapped array is sent to another process: as the name of its file and the part it shows, not by its
    values; what is no contiguous part of a file, by its values. See `pickle`."""
    if getattr(array, "_mmap", None) is None or not array.flags.c_contiguous or not array.size:
        return np.asarray(array).__reduce__()
    whole = array
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    offset = whole.offset + array.ctypes.data - whole.ctypes.data
    return np.memmap, (array.filename, array.dtype, "r", offset, array.shape)
