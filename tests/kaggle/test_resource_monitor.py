"""A process measured until it ends or exceeds a limit."""

import subprocess
import sys
from pathlib import Path

import pytest

from pulmo.kaggle import resource_monitor
from pulmo.kaggle.resource_monitor import ResourceLimits, monitor

ENOUGH = ResourceLimits(seconds=60, memory_bytes=2**40, disk_bytes=0)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_monitor, "POLL_SECONDS", 0.01)


def start(code: str) -> "subprocess.Popen[bytes]":
    """Python without site packages, in a session of its own."""
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", code], start_new_session=True)


def test_a_process_that_ends_by_itself(tmp_path: Path) -> None:
    """The bytes of files are counted, at any depth, and not those of folders."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a").write_bytes(bytes(100))
    (tmp_path / "b").write_bytes(bytes(11))
    used = monitor(start("import time; time.sleep(0.1); raise SystemExit(3)"), ENOUGH, [tmp_path])
    assert (used.exit_code, used.stopped_for, used.disk_bytes) == (3, "", 111)
    assert used.seconds >= 0.1
    assert used.memory_bytes > 100_000


def test_a_process_is_stopped_after_its_time() -> None:
    used = monitor(start("import time; time.sleep(60)"), ENOUGH._replace(seconds=0.1), [])
    assert (used.exit_code, used.stopped_for) == (-9, "time")
    assert 0.1 < used.seconds < 30


def test_a_process_is_stopped_beyond_its_memory() -> None:
    used = monitor(start("import time; time.sleep(60)"), ENOUGH._replace(memory_bytes=1), [])
    assert (used.exit_code, used.stopped_for) == (-9, "memory")


def test_a_process_that_is_gone_has_no_memory() -> None:
    process = start("")
    process.wait()
    assert resource_monitor._memory_bytes(process.pid) == 0
