"""Progress where stderr is no terminal: a line for each tenth; none when quiet."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from pulmo.pipeline import progress
from pulmo.pipeline.log import alert, log, note, set_quiet
from pulmo.pipeline.progress import bar, track


class Clock:
    """Moves on by a second whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=Clock()))
    yield
    set_quiet(False)


def test_a_line_for_each_tenth_with_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(40), "scans", 40)) == list(range(40))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    # The first of the 40 is seen at second 1, the fourth at second 4: three in three seconds.
    assert lines[0] == "  scans: 10 % (4 of 40), 36 s left"
    assert lines[-1] == "  scans: 100 % (40 of 40), 0 s left"


def test_work_that_goes_on_counts_only_what_it_has_done_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with bar() as display:
        task = display.add_task("scans", total=100, completed=50)
        display.update(task, completed=51)
        display.update(task, completed=52)
        display.update(task, completed=61)
    assert capsys.readouterr().err.splitlines() == ["  scans: 60 % (61 of 100), 8 s left"]


def test_short_work_prints_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: 1.0))
    list(track(range(40), "scans", 40))
    assert capsys.readouterr().err == ""


def test_quiet_leaves_notes_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    set_quiet(True)
    list(track(range(40), "scans", 40))
    log("features   1.0 s")
    note("2 scans are left out")
    alert("a fault")
    assert capsys.readouterr().err == "note: 2 scans are left out\na fault\n"


def test_a_step_counts_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    with bar() as display:
        task = display.add_task("scans", total=20)
        for _ in range(4):
            display.advance(task)
    # The first of the 20 is seen at second 1, the third at second 3.
    assert capsys.readouterr().err.splitlines() == ["  scans: 10 % (3 of 20), 17 s left"]
