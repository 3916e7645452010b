"""What a competition and a stage declare, and where the competitions are found.

A competition is a folder under `pulmo/competitions/`; its `__init__.py` declares one `COMPETITION`. Nothing outside
the folder names it: the commands, the runner and the tests ask for it by name.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Literal

from pulmo.errors import CommandLineError, Fault


@dataclass(frozen=True)
class StageSpec:
    """One step of a competition: the module of the same name, with `run(stage, settings)`.

    `data` names Kaggle's own files and folders it reads (relative to `--data`), `reads` the outputs of earlier stages
    as `stage/output`, `writes` its own outputs. What is not declared cannot be read or written, so these lists are
    the whole truth about the way of the data. `settings` is the section of the competition's settings handed to
    `run`: by default the one of the stage's name; empty for all sections.
    """

    name: str
    summary: str
    data: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    settings: str | None = None

    @property
    def section(self) -> str:
        """The settings section the stage is given; empty for all of them."""
        return self.name if self.settings is None else self.settings


# Kaggle's names of machines (`machine_shape`), `none` for a CPU alone. The P100 is left out: it has no tensor cores and
# current builds of the frameworks no longer support it. TPUs are left out because pulmo does not run on them.
Accelerator = Literal[
    "none", "NvidiaTeslaT4", "NvidiaL4", "NvidiaL4X1", "NvidiaTeslaA100", "NvidiaH100", "NvidiaRtxPro6000"
]


@dataclass(frozen=True)
class KernelRules:
    """What a competition requires of its Kaggle kernels.

    `accelerator` is the machine that kernels run on: `NvidiaTeslaT4` has two T4s with 16 GB each, `none` only a CPU.
    `cpu_hours` and `gpu_hours` are the run times that the rules of a code competition allow a submitted kernel without
    and with a GPU; None where the rules set no limit, so that Kaggle's own for a session holds.
    """

    accelerator: Accelerator = "NvidiaTeslaT4"
    cpu_hours: float | None = None
    gpu_hours: float | None = None


@dataclass(frozen=True)
class Competition:
    """A competition's table of contents: light to import, so that `score` starts at once."""

    name: str
    title: str
    kaggle_slug: str
    submission_columns: tuple[str, ...]
    metric: str
    greater_is_better: bool
    stages: tuple[StageSpec, ...]
    cv: StageSpec
    sample: str = "sample_submission.csv"
    column_aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names that Kaggle takes for a submission's column, name → column."""
    kernel: KernelRules = KernelRules()

    @property
    def row_id(self) -> str:
        """The submission's id column."""
        return self.submission_columns[0]

    def stage(self, name: str) -> StageSpec:
        """The declared stage of that name, the `cv` protocol included."""
        return next(spec for spec in (*self.stages, self.cv) if spec.name == name)

    def module(self, name: str) -> ModuleType:
        """One of the competition's modules (`submission`, `predict` …), imported only now."""
        return importlib.import_module(f"pulmo.competitions.{self.name}.{name}")


def competition_names() -> list[str]:
    """The name of every competition there is a folder for, in alphabetical order."""
    package = importlib.import_module("pulmo.competitions")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg)


def find_competition(name: str) -> Competition:
    """The competition of that name.

    Raises:
        CommandLineError: there is none.
    """
    names = competition_names()
    if name not in names:
        raise CommandLineError(Fault(name, "is not one of the competitions", f"Choose from {', '.join(names)}"))
    competition: Competition = importlib.import_module(f"pulmo.competitions.{name}").COMPETITION
    return competition
