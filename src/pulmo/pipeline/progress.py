"""Progress on stderr, so that stdout holds results only: bars in a terminal, elsewhere a line for each tenth."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pulmo.pipeline.log import is_quiet, log

LEAST_SECONDS = 2.0
"""Between two lines: short work prints none."""

T = TypeVar("T")


def bar() -> Progress:
    """A progress display: title, bar, count, time passed and time left.

    In a terminal it disappears when done. Where stderr is not one, such as a batch job's log, lines take its place.
    """
    console = Console(file=sys.stderr)
    if is_quiet() or not console.is_terminal:
        return _Lines(console=console, disable=True, auto_refresh=False)
    columns: tuple[str | ProgressColumn, ...] = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)


def track(items: Iterable[T], title: str, total: int) -> Iterator[T]:
    """Iterate over `items` with a progress bar."""
    with bar() as display:
        yield from display.track(items, total=total, description=title)


class _Lines(Progress):
    """A line for each tenth of a task, at most one in LEAST_SECONDS."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._seen: dict[TaskID, _Seen] = {}

    def start(self) -> None:
        """Nothing is displayed; rich would print an empty line at the end."""

    def stop(self) -> None:
        """See `start`."""

    def update(self, task_id: TaskID, **changes: Any) -> None:
        super().update(task_id, **changes)
        self._print(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._print(task_id)

    def _print(self, task_id: TaskID) -> None:
        task, now = self._tasks[task_id], time.monotonic()
        if not task.total:
            return
        seen = self._seen.setdefault(task_id, _Seen(task.completed, now, 0, now))
        tenth = int(10 * task.completed / task.total)
        if tenth > seen.tenth and now - seen.printed >= LEAST_SECONDS:
            self._seen[task_id] = seen._replace(tenth=tenth, printed=now)
            done = task.completed - seen.completed
            left = f", {(now - seen.since) / done * (task.total - task.completed):.0f} s left" if done else ""
            log(f"  {task.description}: {10 * tenth} % ({task.completed:.0f} of {task.total:.0f}){left}")


class _Seen(NamedTuple):
    """A task at its first update, `completed` items `since` then; the last `tenth` printed, and when."""

    completed: float
    since: float
    tenth: int
    printed: float
