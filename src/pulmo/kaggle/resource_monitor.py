"""A process and its children watched: how long, how much memory, how much disk; stopped where a limit is passed."""

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


class Allowance(NamedTuple):
    """What a kernel may use."""

    seconds: float
    memory_bytes: float
    disk_bytes: float


class Use(NamedTuple):
    """What it used at most, how it ended (its exit code), and what it was stopped for: `time`, `memory`, or nothing."""

    seconds: float
    memory_bytes: int
    disk_bytes: int
    exit_code: int
    stopped_for: str


def watch(process: subprocess.Popen[bytes], allowance: Allowance, folders: Sequence[Path]) -> Use:
    """Wait for a process that leads a session of its own.

    Memory is what all its processes hold together, shared pages counted once, looked at four times a second.

    Args:
        process: the process.
        allowance: where it is stopped. Disk is only measured, at the end.
        folders: what it writes to.
    """
    started, memory_bytes, stopped_for = time.monotonic(), 0, ""
    while process.poll() is None:
        memory_bytes = max(memory_bytes, _memory_bytes(process.pid))
        if memory_bytes > allowance.memory_bytes:
            stopped_for = "memory"
        elif time.monotonic() - started > allowance.seconds:
            stopped_for = "time"
        if stopped_for:
            _stop(process)
            break
        time.sleep(POLL_SECONDS)
    exit_code = process.wait()
    disk_bytes = sum(path.lstat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    return Use(time.monotonic() - started, memory_bytes, disk_bytes, exit_code, stopped_for)


def _memory_bytes(leader: int) -> int:
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(leader)
        return sum(map(_own_bytes, [parent, *parent.children(recursive=True)]))
    return 0


def _own_bytes(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        try:
            full = process.memory_full_info()
        except psutil.AccessDenied:  # what is shared is counted more than once then
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
