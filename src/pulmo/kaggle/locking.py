"""A lock file that one process holds at a time, and that is gone when nobody holds it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pulmo.pipeline.log import log


@contextmanager
def only_one(path: Path, busy: str) -> Iterator[bool]:
    """Hold the lock file `path`; other processes wait their turn, and say `busy`.

    Yields:
        Whether another process held it first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    waited = False
    while True:
        with path.open("ab") as file:
            waited |= lock(file, busy)
            if not _is_still(path, file):
                continue  # whoever held it has removed it: another process may hold a new one by now
            try:
                yield waited
            finally:
                path.unlink(missing_ok=True)
            return


def lock(file: IO[bytes], busy: str = "") -> bool:
    """Lock an open file until it is closed or its process ends; True if that had to be waited for."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock: there, two processes at once are the user's own care
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        if busy:
            log(busy)
        fcntl.flock(file, fcntl.LOCK_EX)
        return True


def _is_still(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
