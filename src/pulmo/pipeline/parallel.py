"""A function run over many scans: on this machine's cores, or on a Dask cluster.

Results come as they are done, so that each can be saved at once. A worker that dies loses only its current item: the
rest goes on, and items in flight are tried again one by one, so that a scan that crashes a decoder is named and nothing
else is lost.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from pulmo.errors import CommandLineError, Fault, ScanError, UserError
from pulmo.storage import StorePath, in_memory

T = TypeVar("T")
R = TypeVar("R")

CLUSTER_TIMEOUT_SECONDS = 10
START_SECONDS = 2.0
"""What processes take to start and to import what they need."""
BATCH = 16
"""Objects of a store that a process, or a worker, fetches together: decoding takes longer than a store's answer."""


class _InFlight:
    """Stands for the result of an item whose process died."""


def map_items(
    function: Callable[[T], R], items: Mapping[str, T], cluster: str | None = None
) -> Iterator[tuple[str, R | ScanError]]:
    """Apply `function` to every item.

    Args:
        function: a module's function (it is sent to other processes by its name).
        items: what to apply it to, by key.
        cluster: address of a Dask scheduler (`tcp://host:port`); without one, this machine's cores.

    Yields:
        Key and result in the order they are done. A `ScanError` of the function, or the death of its process, is such
        a result; any other exception is ours, and goes up.
    """
    if cluster:
        with _client(cluster) as client:
            yield from _with_deaths_named(
                partial(_on_workers, function, client), items, "it killed every worker that read it"
            )
    else:
        yield from _with_deaths_named(partial(_in_pool, function), items, "its reader crashed the process")


def map_all(
    function: Callable[[T], R], items: Mapping[str, T], progress: Callable[[int, int], None] | None = None
) -> dict[str, R]:
    """Apply `function` to every item, where none may fail: the first in this process, what takes longer on all cores.

    Args:
        function: a module's function.
        items: what to apply it to, by key.
        progress: called with (done, total) after each item.

    Returns:
        The results by key, in the order in which they were done.

    Raises:
        ScanError: of the first item that failed.
    """
    results: dict[str, R] = {}
    for key, result in _first_here(function, items):
        if isinstance(result, ScanError):
            raise result
        results[key] = result
        if progress:
            progress(len(results), len(items))
    return results


def _first_here(function: Callable[[T], R], items: Mapping[str, T]) -> Iterator[tuple[str, R | ScanError]]:
    """What is done in START_SECONDS is done in this process, the rest in others."""
    left, ends = dict(items), time.monotonic() + START_SECONDS
    while left and time.monotonic() < ends:
        key = next(iter(left))
        yield key, function(left.pop(key))
    yield from map_items(function, left)


def _with_deaths_named(
    run: Callable[[Mapping[str, T]], Iterator[tuple[str, R | ScanError | _InFlight]]],
    items: Mapping[str, T],
    death: str,
) -> Iterator[tuple[str, R | ScanError]]:
    """The results of `run`, which may stop when a process dies; what was in flight then is tried alone, so that the
    death has a name."""
    waiting, suspects = dict(items), list[str]()
    while waiting:
        alone = bool(suspects)
        tried = [suspects.pop(0)] if alone else list(waiting)
        for key, result in run({key: waiting[key] for key in tried}):
            if not isinstance(result, _InFlight):
                del waiting[key]
                yield key, result
            elif alone:
                del waiting[key]
                yield key, ScanError(Fault(key, death, "Inspect its files; they are left out"))
            else:
                suspects.append(key)


def check_cluster(address: str) -> None:
    """Check before any work that a Dask scheduler answers.

    Raises:
        CommandLineError: the address is malformed.
        UserError: none answers.
    """
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        found = bool(parts.hostname and parts.port)
    except ValueError:
        found = False
    if not found:
        remedy = "Write its address as `dask scheduler` prints it, e.g. --cluster tcp://127.0.0.1:8786"
        raise CommandLineError(Fault(f"--cluster {address}", "is not the address of a Dask scheduler", remedy))
    with _client(address):
        pass


def _client(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=CLUSTER_TIMEOUT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        what = f"no Dask scheduler answers there ({error})"
        raise UserError(Fault(f"--cluster {address}", what, "Start one with `dask scheduler`")) from None


def _in_pool(function: Callable[[T], R], items: Mapping[str, T]) -> Iterator[tuple[str, R | ScanError | _InFlight]]:
    """Run items in a fresh pool; when a process dies, name what was in flight and stop."""
    fetched = any(map(_objects, items.values()))
    workers = min(len(items), cores() + fetched)  # one more than cores, as one waits for the store
    queue = iter(list(_batches(items)))  # at once, while the listing that tells objects from folders is new
    running: dict[Future[list[R | ScanError]], Mapping[str, T]] = {}
    # Spawned, because a forked child of a process with threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=prepare_process) as pool:
        while True:
            with suppress(StopIteration):
                while len(running) < workers + 1:
                    batch = next(queue)
                    running[pool.submit(_apply, function, list(batch.values()))] = batch
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                check_processes_start()
                yield from ((key, _InFlight()) for batch in running.values() for key in batch)
                return
            for future in done:
                yield from zip(running.pop(future), future.result(), strict=True)


def check_processes_start() -> None:
    """Check, where a process has died, that processes can start at all: each imports the script that is run.

    Raises:
        UserError: none starts, for the script cannot be imported, or starts work of its own when it is.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(cores).result()
    except BrokenProcessPool:
        script = getattr(sys.modules["__main__"], "__file__", "Python")
        remedy = 'Run a file, and put what it does below `if __name__ == "__main__":`'
        raise UserError(Fault(script, "no worker process can start from it", remedy)) from None


def _batches(items: Mapping[str, T]) -> Iterator[dict[str, T]]:
    """Each item by itself; but BATCH that are single objects of a store, which are fetched together."""
    batch: dict[str, T] = {}
    for key, item in items.items():
        objects = _objects(item)
        if objects and all(path.suffix and path.is_file() for path in objects):
            batch[key] = item
            if len(batch) < BATCH:
                continue
            yield batch
            batch = {}
        else:
            yield {key: item}
    if batch:
        yield batch


def _objects(item: object) -> list[StorePath]:
    """Paths in an object store that an item, or a named tuple as one, consists of."""
    return [part for part in (item if isinstance(item, tuple) else (item,)) if isinstance(part, StorePath)]


def _apply(function: Callable[[T], R], items: Sequence[T]) -> list[R | ScanError]:
    with in_memory(path for item in items for path in _objects(item)) if len(items) > 1 else nullcontext():
        return [_outcome(partial(function, item)) for item in items]


def _outcome(result: Callable[[], R]) -> R | ScanError:
    try:
        return result()
    except ScanError as error:
        return error


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare_process(threads: int = 1) -> None:
    """Initialize a pool's process: it takes its share of the cores, and ends when its parent does.

    Args:
        threads: its share; libraries that start one thread a core would oversubscribe them.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ[name] = str(threads)
    # Ctrl-C reaches every process of the terminal: a worker just ends, and the parent prints the message.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot notify its children; an orphan would go on with work that the next run repeats."""
    parent = parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)


def _on_workers(
    function: Callable[[T], R], client: Any, items: Mapping[str, T]
) -> Iterator[tuple[str, R | ScanError | _InFlight]]:
    """Run batches on a cluster's workers, a task each; Dask repeats a task whose worker died, but not for ever."""
    from distributed import KilledWorker, as_completed

    running = {
        # pure=False: the result depends on files, so a cached one must not be used.
        client.submit(_apply, function, [_with_absolute_paths(item) for item in batch.values()], pure=False): batch
        for batch in _batches(items)
    }
    for future in as_completed(running, loop=client.loop):
        batch = running.pop(future)
        try:
            results: Sequence[R | ScanError | _InFlight] = future.result()
        except KilledWorker:  # also of those that waited for the worker
            results = [_InFlight()] * len(batch)
        yield from zip(batch, results, strict=True)
        future.release()


def _with_absolute_paths(item: T) -> T:
    """A path, or a named tuple with paths, that means the same in a worker's own current folder."""
    if isinstance(item, Path):
        return item.absolute()
    if isinstance(item, tuple) and hasattr(item, "_make"):
        return cast(T, item._make(part.absolute() if isinstance(part, Path) else part for part in item))
    return item
