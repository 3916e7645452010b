"""The folders of a run, relative to the current directory."""

import re
from dataclasses import dataclass
from pathlib import Path

from pulmo.errors import CommandLineError, Fault

SUBMISSIONS = Path("submissions")
LONGEST_NAME = 100
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # by Windows, with any ending


def checked_run(name: str) -> str:
    """The name of a run, if it is a valid folder name on every system.

    Raises:
        CommandLineError: it cannot.
    """
    plain = _PLAIN_NAME.fullmatch(name) and not name.endswith(".") and not _RESERVED.fullmatch(name)
    if not plain or len(name) > LONGEST_NAME:
        what = f"{name!r} is not a plain folder name"
        remedy = f"Use up to {LONGEST_NAME} letters, digits, dots, _ and -, no dot or - at the start, no dot at the end"
        raise CommandLineError(Fault("--run", what, remedy))
    return name


def works_of(competition: str) -> Path:
    """The folder of a competition's runs, unless `--work` names another."""
    return Path("work") / competition


def submissions_of(competition: str) -> Path:
    """The folder of a competition's submissions, unless `--out` names another."""
    return SUBMISSIONS / competition


@dataclass(frozen=True)
class RunPaths:
    """The folders of one run: `data` is only read, `work` holds a folder a stage, `out` what may be sent."""

    data: Path
    work: Path
    out: Path

    @classmethod
    def of(
        cls, competition: str, run: str, data: Path, work: Path | None = None, out: Path | None = None
    ) -> "RunPaths":
        """The folders of a run; by default `work/<competition>/<run>` and `submissions/<competition>/<run>`.

        Raises:
            CommandLineError: the run's name is not plain.
        """
        checked_run(run)
        return cls(
            data=data,
            work=work or works_of(competition) / run,
            out=out or submissions_of(competition) / run,
        )

    def stage(self, name: str) -> Path:
        """The folder of a stage's finished outputs."""
        return self.work / name

    def partial(self, name: str, digest: str) -> Path:
        """The folder of an unfinished stage, named by the digest of its inputs: only the same work is resumed."""
        return self.work / f"{name}.{digest[:16]}.partial"
