"""A running stage: its declared inputs and outputs, its checkpoints, and rows computed in parallel, each once."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pulmo.competition import ESTIMATE, StageSpec
from pulmo.errors import Fault, ScanError, UserError
from pulmo.estimate import Estimate
from pulmo.pipeline.disk import atomically
from pulmo.pipeline.parallel import map_items
from pulmo.pipeline.progress import bar, track

T = TypeVar("T")

CHECKPOINTS = "checkpoints"  # unfinished work, inside the stage's folder until the stage is done
NOTES = "notes.jsonl"


@dataclass
class Stage:
    """A stage's only access to the disk.

    Args:
        spec: what the stage declares; anything else is refused.
        seed: the run's seed.
        data: Kaggle's folder, never written to.
        inputs: where each declared input lies.
        workspace: the folder that becomes the stage's outputs once whole.
        cluster: address of a Dask scheduler, or None for this machine.
        device: for networks: auto, cpu, gpu or names, see `training.device.computing_on`.
        trained_on: the device that networks were trained on, for the manifest; empty where none was.
    """

    spec: StageSpec
    seed: int
    data: Path
    inputs: Mapping[str, Path]
    workspace: Path
    cluster: str | None = None
    device: str = "auto"
    notes: list[str] = field(default_factory=list)
    trained_on: str = ""

    def __post_init__(self) -> None:
        self.notes += [
            note
            for note in dict.fromkeys(_saved_lines(self.workspace / CHECKPOINTS / NOTES, str))
            if note not in self.notes
        ]

    def input(self, name: str) -> Path:
        """Where a declared input lies: `stage/output`."""
        if name not in self.spec.reads:
            raise LookupError(f"stage {self.spec.name} does not declare that it reads {name!r}")
        return self.inputs[name]

    def read(self, name: str) -> Any:
        """A declared input: a table (.parquet), an array (.npy, memory-mapped) or a JSON value."""
        return load(self.input(name))

    def write(self, name: str, value: pd.DataFrame | np.ndarray | dict[str, Any] | list[Any]) -> None:
        """A declared output: a table becomes .parquet, an array .npy, a dict or a list .json.

        Raises:
            ContractError: it is the run's estimate, and lacks a value that the commands need.
        """
        self._output(name)
        if f"{self.spec.name}/{name}" == ESTIMATE:
            Estimate.of(value, f"{name} of stage {self.spec.name}")
        save(self.workspace / name, value)

    def array(self, name: str, shape: tuple[int, ...], dtype: str) -> Path:
        """A declared output that is an array filled in place, zero at first; the file to open with `np.load`'s "r+".

        Values outlive a kill; record which are filled in (with `map_rows`).
        """
        self._output(name)
        path = self.workspace / f"{name}.npy"
        if not path.is_file():
            atomically(path, lambda started: _make_array(started, shape, dtype))
        return path

    def write_csv(self, name: str, table: pd.DataFrame) -> None:
        """A declared output as the CSV file that Kaggle reads."""
        self._output(name)
        atomically(self.workspace / f"{name}.csv", lambda path: table.to_csv(path, index=False, lineterminator="\n"))

    def folder(self, name: str) -> Path:
        """A declared output that is a folder, empty at first."""
        self._output(name)
        shutil.rmtree(self.workspace / name, ignore_errors=True)
        (self.workspace / name).mkdir(parents=True)
        return self.workspace / name

    def checkpoint(self, name: str, make: Callable[[Path], None]) -> Path:
        """A part of the work (a fold) that is done once, and survives a kill.

        `make` fills a fresh folder, which counts once it is whole; if it was made before the stage was killed, it is
        returned as it is. Checkpoints are deleted when the stage is done.
        """
        folder = self.checkpoint_folder(name)
        if not self.has_checkpoint(name):
            started = folder.with_name(folder.name + ".started")
            shutil.rmtree(started, ignore_errors=True)
            started.mkdir(parents=True)
            make(started)
            started.rename(folder)
        return folder

    def has_checkpoint(self, name: str) -> bool:
        """Whether a checkpoint of that name is complete."""
        return self.checkpoint_folder(name).is_dir()

    def checkpoint_folder(self, name: str) -> Path:
        """The folder of a checkpoint, complete or not."""
        return self.workspace / CHECKPOINTS / name

    def scratch(self, name: str) -> Path:
        """A folder for unfinished work: it survives a kill, and is deleted when the stage is done."""
        folder = self.checkpoint_folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def map_rows(self, function: Callable[[T], dict[str, Any]], items: Mapping[str, T], title: str) -> pd.DataFrame:
        """Apply `function` to many scans, in parallel; each row is saved as soon as it is done.

        Args:
            function: a module's function: an item → the row's values, JSON-able.
            items: the scans by key.
            title: of the progress bar.

        Returns:
            One row an item, in the order of the items, indexed by `key`. Where a scan could not be read, the column
            `error` says why and the others are empty.
        """
        path = self.workspace / CHECKPOINTS / f"{title.replace(' ', '_')}.jsonl"
        rows = _saved_rows(path)
        left = {key: item for key, item in items.items() if key not in rows}
        with bar() as display, path.open("a") as file:
            task = display.add_task(title, total=len(items), completed=len(items) - len(left))
            for key, result in map_items(function, left, self.cluster):
                rows[key] = {"error": str(result)} if isinstance(result, ScanError) else {"error": None, **result}
                file.write(json.dumps([key, rows[key]]) + "\n")
                file.flush()
                display.advance(task)
        rows_in_order = [rows[key] for key in items]
        return pd.DataFrame(
            rows_in_order or None, index=pd.Index(list(items), name="key"), columns=None if items else ["error"]
        )

    def note(self, message: str) -> None:
        """A sentence for the run's summary and the manifest, shown once. It is saved immediately: the work it is about
        is not repeated when the stage resumes after a kill."""
        if message not in self.notes:
            self.notes.append(message)
            path = self.workspace / CHECKPOINTS / NOTES
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(json.dumps(message) + "\n")

    def progress(self, items: Iterable[T], title: str) -> Iterator[T]:
        """Iterate over `items` with a progress bar that shows the time left."""
        items = list(items)
        return track(items, title, len(items))

    def _output(self, name: str) -> None:
        if name not in self.spec.writes:
            raise LookupError(f"stage {self.spec.name} does not declare that it writes {name!r}")


def _saved_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Rows saved before a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return dict(_saved_lines(path, list))


def _saved_lines(path: Path, kind: type) -> list[Any]:
    """JSON values of one kind, a line each; what follows a damaged line is dropped from the file too."""
    content = path.read_bytes() if path.exists() else b""
    values, whole = [], 0
    for line in content.splitlines(keepends=True):
        try:
            value = json.loads(line)
        except ValueError:
            break
        if not line.endswith(b"\n") or not isinstance(value, kind):
            break
        values.append(value)
        whole += len(line)
    if whole < len(content):
        os.truncate(path, whole)
    return values


def save(stem: Path, value: Any) -> None:
    """Write a value beside its name, whole or not at all: DataFrame → .parquet, array → .npy, dict or list → .json."""
    if isinstance(value, pd.DataFrame):
        atomically(stem.with_name(stem.name + ".parquet"), value.to_parquet)
    elif isinstance(value, np.ndarray):
        atomically(stem.with_name(stem.name + ".npy"), lambda path: _save_array(path, value))
    else:
        text = json.dumps(value, indent=2, allow_nan=False) + "\n"
        atomically(stem.with_name(stem.name + ".json"), lambda path: path.write_text(text))


def load(path: Path) -> Any:
    """Read what `save` wrote: a table, an array (memory-mapped) or a JSON value.

    Raises:
        UserError: the file is damaged.
    """
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        return json.loads(path.read_text())
    except (ValueError, EOFError) as error:  # Arrow's, NumPy's and JSON's errors are such; of the system's none is
        remedy = "Run the stage that wrote it again"
        raise UserError(Fault(str(path), f"is damaged: it cannot be read ({error})", remedy)) from None


def find_output(folder: Path, name: str) -> Path | None:
    """The output of that name in a stage's folder, whatever its kind; None where there is none."""
    return next((path for path in sorted(folder.glob(f"{name}*")) if name in (path.name, path.stem)), None)


def _save_array(path: Path, value: np.ndarray) -> None:
    with path.open("wb") as file:
        # Not a real file to NumPy, which ignores the disk's errors when it writes into one itself.
        np.save(SimpleNamespace(write=file.write), value, allow_pickle=False)


def _make_array(path: Path, shape: tuple[int, ...], dtype: str) -> None:
    np.lib.format.open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):  # a full disk is an error here: filling a sparse file would end the process
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
