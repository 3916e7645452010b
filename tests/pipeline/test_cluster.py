"""Scans on a Dask cluster: a real scheduler, two worker processes, one of them killed half way."""

import os
import time
from pathlib import Path

from pulmo.errors import ScanError
from pulmo.pipeline.parallel import map_items
from tests.conftest import Cluster

ITEMS = 12


def work(item: tuple[int, str]) -> dict[str, int]:
    """Take a moment, leave a trace of who did it, refuse number 5."""
    number, folder = item
    (Path(folder) / f"{number}.{os.getpid()}").touch()
    time.sleep(0.25)
    if number == 5:
        raise ScanError([])
    return {"square": number**2}


def test_a_worker_killed_half_way_loses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    results = {}
    for key, result in map_items(work, {str(n): (n, str(traces)) for n in range(ITEMS)}, cluster.address):
        results[key] = result
        if len(results) == 4:
            at_work = {int(trace.name.partition(".")[2]) for trace in traces.iterdir()}
            assert at_work == {worker.pid for worker in cluster.workers}
            cluster.workers[0].kill()
    assert isinstance(results.pop("5"), ScanError)
    assert results == {str(n): {"square": n**2} for n in range(ITEMS) if n != 5}
