"""Errors of the disk, with the folder that was written to, whichever library wrote."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pulmo.errors import UserError

STARTED = ".started"  # the ending of a file's name until it is whole
_FULL_BYTES = 1 << 16


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Name `folder` in errors of the system that name no file, and the full disk in any error that it causes.

    Raises:
        OSError: with a number and a file name, where the disk is at fault. HDF5, LightGBM and others report a full disk
            by errors of their own, so the free space is read.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if _is_full(folder):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(folder)
        raise


def _is_full(folder: Path) -> bool:
    there = next((place for place in (folder, *folder.absolute().parents) if place.exists()), None)
    return there is not None and shutil.disk_usage(there).free < _FULL_BYTES


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its name, then rename it: it is there whole or not at all."""
    started = path.with_name(path.name + STARTED)
    with writing_to(path.parent):
        try:
            write(started)
            started.replace(path)
        except OSError:
            with suppress(OSError):
                started.unlink(missing_ok=True)
            raise


def writable_folder(folder: Path) -> None:
    """Make a folder if need be, before any work whose results go there.

    Raises:
        OSError: nothing can be written there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
