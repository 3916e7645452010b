"""Progress bars with the time left, on stderr, so that stdout holds results only."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")


def bar() -> Progress:
    """A progress display: title, bar, count, time passed and time left.

    It disappears when done, and is off where stderr is not a terminal.
    """
    console = Console(file=sys.stderr)
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def track(items: Iterable[T], title: str, total: int) -> Iterator[T]:
    """Iterate over `items` with a progress bar."""
    with bar() as display:
        yield from display.track(items, total=total, description=title)
