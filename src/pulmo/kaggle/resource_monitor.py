"""Run time, memory and disk of a process and its children, measured; the process is stopped beyond a limit."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

POLL_SECONDS = 0.25


class ResourceLimits(NamedTuple):
    """The resources that a kernel may use."""

    seconds: float
    memory_bytes: float
    disk_bytes: float


class ResourceUse(NamedTuple):
    """Run time, peak memory, disk written, and how the process ended.

    `stopped_for` is the limit, `time` or `memory`, beyond which it was stopped; empty if it ended by itself.
    """

    seconds: float
    memory_bytes: int
    disk_bytes: int
    exit_code: int
    stopped_for: str


def monitor(process: subprocess.Popen[bytes], allowed: ResourceLimits, folders: Sequence[Path]) -> ResourceUse:
    """Wait for a process that leads its own session.

    Memory is the sum over its processes, shared pages counted once, measured four times a second.

    Args:
        process: the process.
        allowed: beyond this time or memory it is stopped; disk is only measured, at the end.
        folders: the folders it writes to.
    """
    started, memory_bytes, stopped_for = time.monotonic(), 0, ""
    while process.poll() is None:
        memory_bytes = max(memory_bytes, _memory_bytes(process.pid))
        if memory_bytes > allowed.memory_bytes:
            stopped_for = "memory"
        elif time.monotonic() - started > allowed.seconds:
            stopped_for = "time"
        if stopped_for:
            _stop(process)
            break
        time.sleep(POLL_SECONDS)
    exit_code = process.wait()
    disk_bytes = sum(path.lstat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    return ResourceUse(time.monotonic() - started, memory_bytes, disk_bytes, exit_code, stopped_for)


def _memory_bytes(leader: int) -> int:
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(leader)
        return sum(map(_own_bytes, [parent, *parent.children(recursive=True)]))
    return 0


def _own_bytes(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        try:
            full = process.memory_full_info()
        except psutil.AccessDenied:  # then shared pages are counted once a process
            return int(process.memory_info().rss)
        return int(getattr(full, "pss", full.uss))
    return 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
