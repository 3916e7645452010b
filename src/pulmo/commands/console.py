"""What the user sees: results on stdout, everything else on stderr, faults without a traceback."""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pulmo.errors import UserError
from pulmo.pipeline.telling import tell as tell

MOST_FAULTS_SHOWN = 50
USER_AT_FAULT = 1


def show_json(value: Any) -> None:
    """Print a result for programs; paths as text."""
    print(json.dumps(value, indent=2, default=str))


def show_table(rows: Sequence[dict[str, str]]) -> None:
    """Print rows of cells, all with the same keys, under the names of the keys."""
    header = list(rows[0])
    lines = [header, *([row[name] for name in header] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def quietly(command: Callable[[], None]) -> None:
    """Run a command for the person in front of it: their mistakes without a traceback, exit code 1."""
    # TensorFlow logs to stderr from C++ as soon as it is loaded, unless this is set before.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _no_space_left_explained():
            command()
    except UserError as error:
        tell("\n".join(str(fault) for fault in error.faults[:MOST_FAULTS_SHOWN]))
        if len(error.faults) > MOST_FAULTS_SHOWN:
            tell(f"… and {len(error.faults) - MOST_FAULTS_SHOWN} more faults.")
        sys.exit(USER_AT_FAULT)


@contextmanager
def _no_space_left_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        place = f" for {error.filename}" if error.filename else ""
        tell(f"No space is left on the disk{place}. Free some: what is finished is kept, the same command goes on.")
        sys.exit(USER_AT_FAULT)
