"""The reason why a rehearsed kernel failed, and its remedy, from its exit code and its log."""

import re
import signal
from collections.abc import Callable

from pulmo.errors import Fault
from pulmo.kaggle.resource_monitor import ResourceUse

_KILLED = {-signal.SIGKILL, 128 + signal.SIGKILL}

# A line near the end of the log → the fault and its remedy. The first match counts.
_PATTERNS: tuple[tuple[str, Callable[[re.Match[str]], tuple[str, str]]], ...] = (
    (
        r"a missing package has no wheel for (Python [\d.]+): .* found for (\S+?)\. ",
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
            "it needs the internet, which is off",
            "Add the downloaded files to the dataset",
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
            "Take the inputs' paths from competition_folder and dataset_folder",
        ),
    ),
    (
        r"MemoryError|bad_alloc|ResourceExhausted",
        lambda _: ("it ran out of memory", "Read fewer scans at once, or use smaller ones"),
    ),
)


def diagnose(where: str, use: ResourceUse, log: str) -> Fault:
    """The fault of a failed rehearsal.

    Args:
        where: the rehearsal's layout and log file.
        use: its resources and how it ended.
        log: its output.
    """
    if use.stopped_for == "memory":
        what = f"it exceeded the memory limit: stopped at {use.memory_bytes / 1e9:.2f} GB"
        return Fault(where, what, "Read fewer scans at once, or use a smaller model")
    if use.stopped_for == "time":
        return Fault(where, f"it exceeded the time limit: stopped after {use.seconds / 3600:.2f} h", "Make it faster")
    if use.exit_code in _KILLED:
        return Fault(where, "the system killed it, probably for lack of memory", "Use a machine with more memory")
    lines = [line for line in log.strip().splitlines() if line.strip()]
    for pattern, meaning in _PATTERNS:
        for line in reversed(lines[-30:]):
            if found := re.search(pattern, line):
                return Fault(where, *meaning(found))
    last = lines[-1] if lines else "no output"
    return Fault(where, f"it ended with exit code {use.exit_code}: {last.rstrip('.')}", "See its log")
