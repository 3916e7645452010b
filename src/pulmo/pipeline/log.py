"""Messages on stderr; stdout holds results only."""

import sys
from contextvars import ContextVar

_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


def set_quiet(quiet: bool) -> None:
    """Whether progress is left out from now on; notes and faults are printed all the same."""
    _quiet.set(quiet)


def is_quiet() -> bool:
    """Whether progress is left out."""
    return _quiet.get()


def log(message: str) -> None:
    """Print a progress message."""
    if not is_quiet():
        alert(message)


def note(message: str) -> None:
    """Print what was left out, corrected or found, which changes how a result is to be read."""
    alert(f"note: {message}")


def alert(message: str) -> None:
    """Print a message that is never left out."""
    print(message, file=sys.stderr, flush=True)
