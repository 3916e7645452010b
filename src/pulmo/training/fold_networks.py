"""A network a fold, each kept as soon as it is trained: one after the other, or on a CPU several at once.

A small network leaves most cores idle, for its steps are too short to be shared out; so its folds can be trained at
once, each in a process of its own with its share of the cores. On a GPU they are trained one after the other, in this
process.
"""

import pickle
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from pulmo.errors import DivergedError, Fault, UserError
from pulmo.pipeline.parallel import cores, prepare_process
from pulmo.pipeline.progress import track
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.device import computing_on

NETWORK, HISTORY = "network.keras", "history"


class FoldTrainer(Protocol):
    """A network compiled once, to be trained without any of the folds; inside a device's scope (`computing_on`)."""

    @property
    def network(self) -> Any:
        """The Keras model, with the weights of the last training."""

    def train(self, number: int, checkpoint: Path) -> pd.DataFrame:
        """Train anew without a fold; the history. For the checkpoint see `Trainer.fit`."""

    def say(self, number: int, folder: Path) -> None:
        """Save into the folder what the network says of the fold it has not learned from."""


class LeavesOut(Protocol):
    """A trainer that is told whom to leave out."""

    @property
    def network(self) -> Any:
        """The Keras model, with the weights of the last training."""

    def train(self, left_out: np.ndarray, number: int, checkpoint: Path) -> pd.DataFrame:
        """Train anew without some, (examples,) bool; the history."""


class LeavingFoldsOut:
    """A `FoldTrainer` of such a trainer.

    Args:
        trainer: of all examples.
        fold: of each, (examples,).
        say: number of a fold and a folder → what the network says is saved there.
    """

    def __init__(self, trainer: LeavesOut, fold: np.ndarray, say: Callable[[int, Path], None]) -> None:
        self._trainer, self._fold, self.say = trainer, fold, say

    @property
    def network(self) -> Any:
        """The Keras model, with the weights of the last training."""
        return self._trainer.network

    def train(self, number: int, checkpoint: Path) -> pd.DataFrame:
        """Train anew without a fold; the history."""
        return self._trainer.train(self._fold == number, number, checkpoint)


class Folds(NamedTuple):
    """What is to be trained.

    Attributes:
        trainer: makes it from the stage's inputs; a module's function or a partial of one, for it is sent to other
            processes. What it notes is noted once.
        networks: how many; the folds from 0 on are left out, one by one.
        at_once: so many on a CPU.
        name: what a fold's piece is called, with its number; see `Stage.checkpoint`.
    """

    trainer: Callable[[Stage], FoldTrainer]
    networks: int
    at_once: int = 1
    name: str = "fold"

    def pieces(self) -> list[str]:
        """The name of each fold's piece."""
        return [f"{self.name}{number}" for number in range(self.networks)]


def train_folds(stage: Stage, folds: Folds) -> list[Path]:
    """Train those that are not kept yet.

    Returns:
        A folder a fold, with NETWORK, the table HISTORY (its `fold` included) and what the trainer has said.

    Raises:
        UserError: a process died, or what its trainer raised.
        DivergedError: a training diverged; it names the fold.
    """
    left = [number for number, piece in enumerate(folds.pieces()) if not stage.has_checkpoint(piece)]
    if left:
        with computing_on(stage.device) as device:
            processes = min(folds.at_once, folds.networks, cores()) if device.kind == "cpu" else 1
            if processes == 1:
                trainer = folds.trainer(stage)
                for number in stage.progress(left, _title(stage)):
                    _train(stage, trainer, folds.pieces()[number], number)
            else:
                _train_in_parallel(stage, folds, left, processes)
    return [stage.checkpoint_folder(piece) for piece in folds.pieces()]


def copy_networks(pieces: Sequence[Path], folder: Path) -> None:
    """The networks in the folds' folders, into one that is there: `fold<number>.keras`."""
    for number, piece in enumerate(pieces):
        shutil.copy(piece / NETWORK, folder / f"fold{number}.keras")


def joined(pieces: Sequence[Path], name: str) -> pd.DataFrame:
    """The tables of that name in the folds' folders, one below the other."""
    tables: list[pd.DataFrame] = [load(piece / f"{name}.parquet") for piece in pieces]
    return pd.concat(tables, ignore_index=True)


def _title(stage: Stage) -> str:
    return f"{stage.spec.name}, folds"


def _train(stage: Stage, trainer: FoldTrainer, piece: str, number: int) -> None:
    train_piece(stage, piece, partial(_fill, trainer, number))


def train_piece(stage: Stage, piece: str, fill: Callable[[Path, Path], None]) -> Path:
    """A training whose results are kept, see `Stage.checkpoint`; its checkpoint goes when they are.

    Args:
        stage: in whose workspace.
        piece: its name.
        fill: given the file of the checkpoint and a fresh folder, trains and leaves the results in the folder.

    Raises:
        DivergedError: it names the piece. The checkpoint is removed, so that the training starts anew.
    """
    checkpoint = stage.scratch("checkpoints") / f"{piece}.npz"
    try:
        folder = stage.checkpoint(piece, partial(fill, checkpoint))
    except DivergedError as error:
        checkpoint.unlink(missing_ok=True)
        raise error.within(piece) from None
    checkpoint.unlink(missing_ok=True)  # of a large network, as large as three of it
    return folder


def _fill(trainer: FoldTrainer, number: int, checkpoint: Path, folder: Path) -> None:
    history = trainer.train(number, checkpoint)
    trainer.network.save(folder / NETWORK)
    save(folder / HISTORY, history.assign(fold=number))
    trainer.say(number, folder)


def _train_in_parallel(stage: Stage, folds: Folds, left: Sequence[int], processes: int) -> None:
    """In processes that have the same number of threads however many folds are left, so that a training which goes on
    after a kill ends with the weights it would have had."""
    futures = [_worker_pool(processes).submit(_train_in_worker, stage, folds, number) for number in left]
    try:
        for future in track(as_completed(futures), _title(stage), len(futures)):
            _take_notes(stage, future)
    except BrokenProcessPool:
        _worker_pool.cache_clear()
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


def _take_notes(stage: Stage, future: Future[list[str]]) -> None:
    for note in future.result():
        if note not in stage.notes:
            stage.note(note)


@cache
def _worker_pool(processes: int) -> ProcessPoolExecutor:
    """Processes that stay until this one ends: to load Keras takes as long as some trainings."""
    # Spawned, because a forked child of a process with threads may hang.
    return ProcessPoolExecutor(processes, get_context("spawn"), prepare_process, (max(1, cores() // processes),))


_compiled: dict[bytes, FoldTrainer] = {}  # in a process of the crew: what it has trained last


def _train_in_worker(stage: Stage, folds: Folds, number: int) -> list[str]:
    """Train a fold in a process of the crew; the stage's notes."""
    import keras

    with computing_on("cpu"):
        work = pickle.dumps((stage.workspace, folds))
        if work not in _compiled:
            _compiled.clear()
            keras.backend.clear_session()
            _compiled[work] = folds.trainer(stage)
        _train(stage, _compiled[work], folds.pieces()[number], number)
    return stage.notes
