"""A lock file that one process holds at a time and removes when done."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pulmo.pipeline.log import log


@contextmanager
def exclusive(path: Path, busy: str) -> Iterator[bool]:
    """Hold the lock file `path`; while another process holds it, log `busy` and wait.

    Yields:
        Whether another process held it first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    waited = False
    while True:
        with path.open("ab") as file:
            waited |= lock(file, busy)
            if not _is_current(path, file):
                continue  # its former holder has removed it, and another process may hold a new one
            try:
                yield waited
            finally:
                path.unlink(missing_ok=True)
            return


def lock(file: IO[bytes], busy: str = "") -> bool:
    """Lock an open file until it is closed or its process ends; True if another process held it first."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock: pulmo does not guard against two processes there
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        if busy:
            log(busy)
        fcntl.flock(file, fcntl.LOCK_EX)
        return True


def _is_current(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
