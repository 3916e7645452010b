"""Scans on a Dask cluster: a real scheduler, two worker processes, one of them killed half way."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pulmo.errors import ScanError
from pulmo.pipeline.parallel import map_items

ITEMS = 12


def work(item: tuple[int, str]) -> dict[str, int]:
    """Take a moment, leave a trace of who did it, refuse number 5."""
    number, folder = item
    (Path(folder) / f"{number}.{os.getpid()}").touch()
    time.sleep(0.25)
    if number == 5:
        raise ScanError([])
    return {"square": number**2}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Address of the scheduler, and its two workers, each with one thread."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
        return subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)

    scheduler = start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    options = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--death-timeout", "60")
    workers = [start("dask_worker", address, *options) for _ in range(2)]
    yield address, workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait()


def test_a_worker_killed_half_way_loses_nothing(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    address, workers = cluster
    traces = tmp_path / "traces"
    traces.mkdir()
    results = {}
    for key, result in map_items(work, {str(n): (n, str(traces)) for n in range(ITEMS)}, address):
        results[key] = result
        if len(results) == 4:
            at_work = {int(trace.name.partition(".")[2]) for trace in traces.iterdir()}
            assert at_work == {worker.pid for worker in workers}
            os.kill(workers[0].pid, signal.SIGKILL)
    assert isinstance(results.pop("5"), ScanError)
    assert results == {str(n): {"square": n**2} for n in range(ITEMS) if n != 5}
