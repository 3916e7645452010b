"""Why a rehearsed kernel failed, in a sentence and with its remedy, read from how it ended and what it said."""

import re
import signal
from collections.abc import Callable

from pulmo.errors import Fault
from pulmo.kaggle.resource_monitor import Use

_KILLED = {-signal.SIGKILL, 128 + signal.SIGKILL}

# The last line of what it said → what is wrong and the remedy. The first that fits counts.
_SIGNS: tuple[tuple[str, Callable[[re.Match[str]], tuple[str, str]]], ...] = (
    (
        r"the wheels do not give (Python [\d.]+) what is missing: .* found for (\S+?)\. ",
        lambda found: (
            f"{found[2]} is not in Kaggle's image, and the dataset has no wheel of it for {found[1]}",
            "Build the kernel again",
        ),
    ),
    (
        r"ModuleNotFoundError: No module named '([\w.]+)'",
        lambda found: (
            f"module {found[1]!r} is neither in Kaggle's image nor among the dataset's wheels",
            "Build the kernel again, with that package installed here",
        ),
    ),
    (
        r"Network is unreachable|Name or service not known|name resolution|No address associated|URLError|gaierror",
        lambda _: (
            "it wants the internet, which is off",
            "Bring what it fetches in the dataset",
        ),
    ),
    (
        r"Read-only file system: '?([^'\n]*)'?",
        lambda found: (
            f"it writes to {found[1] or 'its inputs'}, which is read-only on Kaggle",
            "Write to /kaggle/working or /tmp",
        ),
    ),
    (
        r"No such file or directory.*?'(/(?!kaggle/)[^']*)'|^(/(?!kaggle/).*): there is no such (?:file|folder)",
        lambda found: (
            f"it reads the absolute path {found[1] or found[2]}, which Kaggle does not have",
            "Ask competition_folder and dataset_folder for its inputs",
        ),
    ),
    (
        r"MemoryError|bad_alloc|ResourceExhausted",
        lambda _: ("it ran out of memory", "Read fewer scans at once, or use smaller ones"),
    ),
)


def diagnose(where: str, use: Use, log: str) -> Fault:
    """What was wrong.

    Args:
        where: names the rehearsal, and where its log is.
        use: how it ended.
        log: what it said.
    """
    if use.stopped_for == "memory":
        what = f"it needs more than the memory there is: stopped at {use.memory_bytes / 1e9:.2f} GB"
        return Fault(where, what, "Read fewer scans at once, or use a smaller model")
    if use.stopped_for == "time":
        return Fault(where, f"it was not done after {use.seconds / 3600:.2f} h and was stopped", "Make it faster")
    if use.exit_code in _KILLED:
        return Fault(where, "the system killed it, most likely for want of memory here", "Try a larger machine")
    lines = [line for line in log.strip().splitlines() if line.strip()]
    for pattern, meaning in _SIGNS:
        for line in reversed(lines[-30:]):
            if found := re.search(pattern, line):
                return Fault(where, *meaning(found))
    last = lines[-1] if lines else "it said nothing"
    return Fault(where, f"it ended with exit code {use.exit_code}: {last.rstrip('.')}", "See its log")
