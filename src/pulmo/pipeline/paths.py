"""Where things lie: the folders of a run, relative to where the command is given."""

from dataclasses import dataclass
from pathlib import Path


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
        """The folders of a run; by default `work/<competition>/<run>` and `submissions/<competition>/<run>`."""
        return cls(
            data=data,
            work=work or Path("work") / competition / run,
            out=out or Path("submissions") / competition / run,
        )

    def stage(self, name: str) -> Path:
        """The folder of a stage's finished outputs."""
        return self.work / name

    def partial(self, name: str, digest: str) -> Path:
        """The folder a stage is being made in; named by what goes in, so that only the same work is gone on with."""
        return self.work / f"{name}.{digest[:16]}.partial"
