import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from pulmo.errors import Fault, ScanError, UserError
from pulmo.pipeline import parallel
from pulmo.pipeline.parallel import cores, map_all, map_items
from tests.support import map_here


def double(number: int) -> int:
    return 2 * number


def refuse_odd(number: int) -> int:
    if number % 2:
        raise ScanError(Fault(str(number), "is odd", "Take an even one"))
    return number


def die_on_three(number: int) -> int:
    if number == 3:
        os._exit(1)
    time.sleep(0.01)
    return number


def fail(number: int) -> int:
    raise ZeroDivisionError(number)


def sleep_and_tell(file: str) -> None:
    Path(file).write_text(str(os.getpid()))
    time.sleep(60)


def sleep_and_return_the_process(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def test_every_item_gets_its_result() -> None:
    items = {f"item {number}": number for number in range(7)}
    assert dict(map_items(double, items)) == {f"item {number}": 2 * number for number in range(7)}


def test_no_items_need_no_process() -> None:
    assert list(map_items(double, {})) == []


def test_a_scan_error_is_a_result_with_its_faults() -> None:
    results = dict(map_items(refuse_odd, {"1": 1, "2": 2}))
    assert results["2"] == 2
    assert isinstance(results["1"], ScanError)
    assert results["1"].faults == (Fault("1", "is odd", "Take an even one"),)


def test_a_process_that_dies_costs_only_its_own_item() -> None:
    results = dict(map_items(die_on_three, {str(number): number for number in range(8)}))
    dead = results.pop("3")
    assert isinstance(dead, ScanError)
    assert "3: its reader crashed" in str(dead)
    assert results == {str(number): number for number in (0, 1, 2, 4, 5, 6, 7)}


def test_our_own_mistakes_go_up() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_items(fail, {"1": 1}))


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmo.pipeline.parallel.CLUSTER_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(UserError, match=r"tcp://127\.0\.0\.1:9.*dask scheduler"):
        list(map_items(double, {"1": 1}, "tcp://127.0.0.1:9"))


def test_processes_end_with_the_one_that_was_killed(tmp_path: Path) -> None:
    script = f"""
from pulmo.pipeline.parallel import map_items
from tests.pipeline.test_parallel import sleep_and_tell
if __name__ == "__main__":
    list(map_items(sleep_and_tell, {{"only": {str(tmp_path / "pid")!r}}}))
"""
    (tmp_path / "script.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, tmp_path / "script.py"], env=environment)
    while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
        assert parent.poll() is None
        time.sleep(0.02)
    child = psutil.Process(int((tmp_path / "pid").read_text()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    child.wait(timeout=20)


@pytest.mark.parametrize("stdin", [True, False])
def test_a_script_that_works_when_imported_is_named(tmp_path: Path, stdin: bool) -> None:
    code = """
from pulmo.errors import UserError
from pulmo.pipeline.parallel import map_items
try:
    list(map_items(str, {"one": 1}))
except UserError as error:
    print(error)
"""
    script = tmp_path / "unguarded.py"
    script.write_text(code)
    command = [sys.executable, "-" if stdin else str(script)]
    done = subprocess.run(command, input=code, capture_output=True, text=True, check=True, cwd=tmp_path)
    named = "<stdin>" if stdin else str(script)
    remedy = 'Run a file, and put what it does below `if __name__ == "__main__":`'
    assert done.stdout == f"{named}: no worker process can start from it. {remedy}.\n"


def test_all_results_and_how_many_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmo.pipeline.parallel.map_items", map_here)
    done: list[tuple[int, int]] = []
    items = {f"item {number}": number for number in range(3)}
    assert map_all(double, items, lambda *counts: done.append(counts)) == {"item 0": 0, "item 1": 2, "item 2": 4}
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_what_is_quickly_done_needs_no_process_and_what_takes_longer_gets_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmo.pipeline.parallel.START_SECONDS", 0.1)
    at = map_all(sleep_and_return_the_process, {"quick": 0.0, "slow": 0.2, "late": 0.0, "later": 0.0})
    assert list(at)[:2] == ["quick", "slow"]
    assert at["quick"] == at["slow"] == os.getpid()
    assert os.getpid() not in (at["late"], at["later"])


def test_where_none_may_fail_the_first_failure_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmo.pipeline.parallel.map_items", map_here)
    with pytest.raises(ScanError, match="is odd"):
        map_all(refuse_odd, {"1": 1})


def test_the_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert cores() == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)  # where the system does not know
    assert cores() == 1


class Pair(NamedTuple):
    first: Path
    number: int


def test_a_worker_elsewhere_is_told_absolute_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert parallel._with_absolute_paths(Path("a")) == tmp_path / "a"
    assert parallel._with_absolute_paths(Pair(Path("a"), 3)) == Pair(tmp_path / "a", 3)
    assert parallel._with_absolute_paths((Path("a"), 3)) == (Path("a"), 3)
    assert parallel._with_absolute_paths("a") == "a"


def test_objects_of_a_store_are_fetched_sixteen_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files stand for them. What is no object, or a folder of them, goes alone."""
    items: dict[str, Path] = {f"{number:02}": tmp_path / f"{number:02}.dcm" for number in range(35)}
    for path in items.values():
        path.touch()
    items |= {"folder": tmp_path, "nothing": Path("/nothing.dcm"), "bare": tmp_path / "bare"}
    items["bare"].touch()
    names = list(items)
    assert [list(batch) for batch in parallel._batches(items)] == [[name] for name in names]
    monkeypatch.setattr(parallel, "_objects", lambda item: [item])
    batches = [list(batch) for batch in parallel._batches(items)]
    assert batches == [names[:16], names[16:32], ["folder"], ["nothing"], ["bare"], names[32:35]]


def test_a_process_takes_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    for name in names:
        monkeypatch.setenv(name, "8")
    handled: list[tuple[object, object]] = []
    monkeypatch.setattr(signal, "signal", lambda *arguments: handled.append(arguments))
    parallel.prepare_process()
    assert [os.environ[name] for name in names] == ["1"] * 4
    parallel.prepare_process(3)
    assert [os.environ[name] for name in names] == ["3"] * 4
    assert handled == [(signal.SIGINT, signal.SIG_DFL)] * 2
