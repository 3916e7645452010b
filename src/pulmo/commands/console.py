"""Output of the commands: results on stdout, everything else on stderr, faults without a traceback."""

import errno
import io
import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from pulmo.competition import Competition
from pulmo.errors import (
    CheckFailedError,
    CommandLineError,
    Fault,
    FigureWarning,
    ParticipantVisibleError,
    SubmissionsError,
    UserError,
)
from pulmo.pipeline.disk import STARTED
from pulmo.pipeline.log import alert
from pulmo.pipeline.log import log as log
from pulmo.pipeline.log import note as note
from pulmo.pipeline.tensorflow_options import prepare_tensorflow

MOST, FEW, FEWEST = 50, 5, 2  # faults shown: of all (in a file), of a single kind, of each of several kinds
USER_AT_FAULT, COMMAND_LINE_WRONG = 1, 2


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


def better_direction(competition: Competition) -> str:
    """Which scores are better, for a table's header."""
    return "(higher is better ↑)" if competition.greater_is_better else "(lower is better ↓)"


def quietly(command: Callable[[], None], as_json: bool = False) -> None:
    """Run a command: errors of the user are printed without a traceback, and the exit code tells whose error it is.

    A few faults of each kind are shown; `as_json` prints all of them on stdout.
    """
    prepare_tensorflow()
    warnings.simplefilter("ignore", FigureWarning, append=True)  # the page shows it; tests fail on it
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be valid UTF-8
    try:
        command()
    except UserError as error:
        if as_json:
            show_json({"faults": [asdict(fault) for fault in error.faults]})
        _show_faults(error)
        sys.exit(COMMAND_LINE_WRONG if isinstance(error, CommandLineError) else USER_AT_FAULT)
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader of the output has closed it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python writes the rest as it ends
        else:
            alert(sentence(error))
        sys.exit(USER_AT_FAULT)


def _show_faults(error: UserError) -> None:
    """Print the first faults of each kind, of each file where there are several."""
    groups = error.of_files if isinstance(error, SubmissionsError) else (error.faults,)
    shown = [fault for faults in groups for fault in _first_of_each_kind(faults)]
    for fault in shown:
        alert(str(fault))
    if len(shown) < len(error.faults):
        command = next((name for kind, name in _LISTING.items() if isinstance(error, kind)), None)
        all_of_them = f": {command} lists all" if command else ""
        alert(f"… and {len(error.faults) - len(shown):,} more faults like these{all_of_them}.")


def _first_of_each_kind(faults: Sequence[Fault]) -> list[Fault]:
    """Faults with the same remedy are of one kind."""
    kinds = Counter(fault.remedy for fault in faults)
    few = max(FEW // max(1, len(kinds)), FEWEST)
    seen: Counter[str] = Counter()
    first = []
    for fault in faults:
        seen[fault.remedy] += 1
        if seen[fault.remedy] <= few:
            first.append(fault)
    return first[:MOST]


_LISTING = {
    SubmissionsError: "the same command with --json",
    ParticipantVisibleError: "`validate --json`",
    CheckFailedError: "`check --json`",
}
"""Commands that list all faults of a kind of error; the first kind that fits counts."""


def sentence(error: OSError) -> str:
    """An error of the operating system in one sentence: where, what, and the remedy."""
    if error.errno is None:
        # Raised by a library. Of a network's error only the name: its text may hold what was sent.
        network = type(error).__module__.partition(".")[0] in ("requests", "urllib3")
        return f"{type(error).__name__}{'' if network else f': {error}'}; {_GOES_ON}."
    place = str(error.filename).removesuffix(STARTED) if error.filename else "a file"
    what, remedy = _REASONS.get(error.errno, (error.strerror or "the system refused it", "inspect it, and try again"))
    return f"{place}: {what}; {remedy}."


_GOES_ON = "finished work is kept, and the same command resumes"
_NO_SPACE = ("no space is left on the disk", f"free some: {_GOES_ON}")
_NOT_ALLOWED = ("it may not be read or written", "change its permissions, or name another place")
_FILE_IN_THE_WAY = ("a file stands where a folder is needed", "move it away, or name another place")
_REASONS = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: ("the disk quota is used up", f"free some: {_GOES_ON}"),
    errno.EFBIG: ("a file would be larger than is allowed", f"raise the limit (ulimit -f): {_GOES_ON}"),
    errno.EROFS: ("the disk is read-only", "name a folder on another disk"),
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.ENOTDIR: _FILE_IN_THE_WAY,
    errno.EEXIST: _FILE_IN_THE_WAY,
    errno.EISDIR: ("it is a folder, and a file is needed", "name a file"),
    errno.ENOENT: ("there is no such file or folder", "check the path, or create it again"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EMFILE: ("too many files are open", f"raise the limit (ulimit -n): {_GOES_ON}"),
    errno.EIO: ("the disk failed to read or write", f"check the disk: {_GOES_ON}"),
}
"""The most common errors of the operating system in words, and their remedies."""
