"""Scans on a Dask cluster: a real scheduler, two worker processes, one of them killed half way."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from pulmo.errors import CommandLineError, ScanError, UserError
from pulmo.pipeline import parallel
from pulmo.pipeline.parallel import check_cluster, map_items
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


@pytest.mark.slow
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


class Order(NamedTuple):
    """Two files, and what is no file."""

    first: Path
    second: Path
    times: int


def texts(order: Order) -> str:
    return (order.first.read_text() + order.second.read_text()) * order.times


def read_text(path: Path) -> str:
    return path.read_text()


@pytest.mark.slow
def test_relative_paths_are_those_of_the_caller(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # the workers are one folder up
    Path("a.txt").write_text("a")
    Path("b.txt").write_text("b")
    assert dict(map_items(texts, {"1": Order(Path("a.txt"), Path("b.txt"), 2)}, cluster.address)) == {"1": "abab"}
    assert dict(map_items(read_text, {"2": Path("a.txt")}, cluster.address)) == {"2": "a"}


def ten_times(number: int) -> int:
    return 10 * number


def test_what_was_on_a_worker_that_died_is_tried_alone_and_only_the_cause_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def on_workers(_: object, __: object, items: Mapping[str, int]) -> Iterator[tuple[str, int | parallel._InFlight]]:
        tried.append(dict(items))
        alone = len(tried) > 1
        for key, item in items.items():
            yield key, parallel._InFlight() if item == 2 or (item == 3 and not alone) else ten_times(item)

    monkeypatch.setattr(parallel, "_client", lambda _: nullcontext())
    monkeypatch.setattr(parallel, "_on_workers", on_workers)
    results = dict(map_items(ten_times, {str(n): n for n in (1, 2, 3)}, "tcp://127.0.0.1:8786"))
    assert tried == [{"1": 1, "2": 2, "3": 3}, {"2": 2}, {"3": 3}]
    killed = results.pop("2")
    assert isinstance(killed, ScanError)
    assert "2: it killed every worker that read it" in str(killed)
    assert results == {"1": 10, "3": 30}


@pytest.mark.parametrize("address", ["foo", "tcp://foo", "foo:port", "tcp://foo:99999", "", "tcp://:8786"])
def test_what_is_no_address_is_refused_before_any_work(address: str) -> None:
    with pytest.raises(CommandLineError, match="is not the address of a Dask scheduler"):
        check_cluster(address)


def test_an_address_that_nothing_listens_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmo.pipeline.parallel.CLUSTER_TIMEOUT_SECONDS", 1)
    with socket.socket() as taken:  # bound, and never listening
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UserError, match="no Dask scheduler answers there"):
            check_cluster(f"127.0.0.1:{taken.getsockname()[1]}")
