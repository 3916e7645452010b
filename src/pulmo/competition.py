"""What a competition declares, and where competitions are found.

A competition is a folder under `pulmo/competitions/`; its `__init__.py` declares one `COMPETITION`. Nothing outside the
folder names it: the commands, the runner, the report and the kernels find it by the folder's name, and reach its
modules through the properties of `Competition`; what each module defines is written down in `pulmo.protocols`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from pulmo.errors import CommandLineError, Fault

if TYPE_CHECKING:  # this module is imported by everything: types from above are named here, never loaded
    from pulmo.pipeline.settings import Section
    from pulmo.protocols import (
        DataChecker,
        Figures,
        FigureSection,
        Holdout,
        PartedFormat,
        Phantom,
        StageModule,
        SubmissionFormat,
    )

T = TypeVar("T")

DEFAULT_PRESET = "full"
"""The settings outside of a `config.toml`'s presets."""
ALL_SETTINGS = "*"
"""As a stage's `settings`: it is given the settings of all stages."""
PACKAGE = "pulmo.competitions"
MODEL, ESTIMATE, PREDICTED = "fit_ensemble/model", "fit_ensemble/estimate", "predict/submission"
CV_TABLE, CV_SCORES = "cv/table", "cv/scores"
"""Outputs that the commands read, so that every competition has them."""
ROW_SCORES = "fit_ensemble/row_scores"
"""An output of competitions whose score is a mean over rows, by which `compare` pairs two runs: `row` (its name),
`patient`, `fold` and `score` (out of fold; NaN where it does not count) of every row that `estimate` is of."""


@dataclass(frozen=True)
class StageSpec:
    """One step of a competition: the module of the same name, which is a `StageModule`.

    What is not declared cannot be read or written, so these lists are the whole truth about the flow of data.

    Attributes:
        name: of the stage, and of its module.
        summary: what it makes, in a few words.
        data: Kaggle's own files and folders that it reads, relative to `--data`.
        reads: outputs of earlier stages, as `stage/output`.
        writes: its own outputs.
        settings: the section of the competition's settings handed to `run`: by default the one of the stage's name, or
            `ALL_SETTINGS`.
        optional: those of `data` that may be missing: alternatives, and what only improves the result.
    """

    name: str
    summary: str
    data: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    settings: str | None = None
    optional: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        """The settings section the stage is given, or `ALL_SETTINGS`."""
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
    """A competition's table of contents: light to import, so that `score` starts at once.

    Attributes:
        name: of its folder, and on the command line.
        title: for people.
        kaggle_slug: as in the competition's address on Kaggle.
        submission_columns: of a submission, the id first.
        metric: its name in words.
        greater_is_better: of the metric.
        stages: in order; the last are `fit_ensemble`, which writes `model` and `estimate`, and `predict`, which reads
            nothing but the model and writes `submission`.
        cv: cross-validation by the competition's protocol; it writes `table` and `scores`.
        sample: Kaggle's sample submission, relative to `--data`.
        test_files: its folder of the test set's images or scans, likewise; `.` where these may lie anywhere.
        test_table: its table of the test set, likewise; empty where there is none.
        column_aliases: other names that Kaggle takes for a submission's column, name → column.
        kernel: what the competition requires of its Kaggle kernels.
        winning_score: the winner's private score on Kaggle; None where it is not known.
        companion_files: files of the user's own that may lie beside Kaggle's in the data folder; the dataset of a
            training kernel takes them along.
    """

    name: str
    title: str
    kaggle_slug: str
    submission_columns: tuple[str, ...]
    metric: str
    greater_is_better: bool
    stages: tuple[StageSpec, ...]
    cv: StageSpec
    sample: str = "sample_submission.csv"
    test_files: str = "test"
    test_table: str = ""
    column_aliases: Mapping[str, str] = field(default_factory=dict)
    kernel: KernelRules = KernelRules()
    winning_score: float | None = None
    companion_files: tuple[str, ...] = ()

    @property
    def row_id(self) -> str:
        """The submission's id column."""
        return self.submission_columns[0]

    @property
    def default_data(self) -> Path:
        """Where Kaggle's files are by default."""
        return Path("data") / self.kaggle_slug

    def stage(self, name: str) -> StageSpec:
        """The declared stage of that name, the `cv` protocol included."""
        return next(spec for spec in (*self.stages, self.cv) if spec.name == name)

    def stage_module(self, name: str) -> StageModule:
        """A stage's module, imported only now."""
        return cast("StageModule", self._module(name))

    @property
    def config(self) -> str:
        """The text of its `config.toml`."""
        from importlib import resources  # here, because `pulmo --help` does not need it

        return (resources.files(f"{PACKAGE}.{self.name}") / "config.toml").read_text()

    @property
    def presets(self) -> list[str]:
        """The names of the presets in `config.toml`, `full` included, in alphabetical order."""
        import tomllib

        return sorted({DEFAULT_PRESET, *tomllib.loads(self.config).get("presets", {})})

    @property
    def settings(self) -> type[Section]:
        """`settings.Settings`: the settings of all stages, a section each."""
        return cast("type[Section]", self._module("settings").Settings)

    @property
    def submission(self) -> SubmissionFormat:
        """`submission.py`."""
        return cast("SubmissionFormat", self._module("submission"))

    @property
    def parted(self) -> PartedFormat | None:
        """`submission.py` where its score has named parts."""
        module = self._module("submission")
        return cast("PartedFormat", module) if hasattr(module, "score_parts") else None

    @property
    def holdout(self) -> Holdout | None:
        """`hidden_test.py`."""
        return cast("Holdout | None", self._optional("hidden_test"))

    @property
    def phantom(self) -> Phantom[Any] | None:
        """`phantom.py`."""
        return cast("Phantom[Any] | None", self._optional("phantom"))

    @property
    def figures(self) -> Figures | None:
        """`figures/__init__.py`."""
        return cast("Figures | None", self._optional("figures"))

    def figure_section(self, name: str) -> FigureSection | None:
        """`figures/<name>.py`."""
        return None if self.figures is None else cast("FigureSection | None", self._optional(f"figures.{name}"))

    @property
    def data_check(self) -> DataChecker | None:
        """`data_check.py`."""
        return cast("DataChecker | None", self._optional("data_check"))

    def module_name(self, name: str) -> str:
        """The full name of one of its modules."""
        return f"{PACKAGE}.{self.name}.{name}"

    def has(self, name: str) -> bool:
        """Whether there is a module of that name."""
        return importlib.util.find_spec(self.module_name(name)) is not None

    def _module(self, name: str) -> Any:
        return importlib.import_module(self.module_name(name))

    def _optional(self, name: str) -> Any:
        return self._module(name) if self.has(name) else None


def require(part: T | None, competition: Competition, file: str, purpose: str) -> T:
    """An optional part of a competition that a command needs.

    Args:
        part: from one of the properties of `competition`.
        competition: for the error.
        file: where the part would be defined.
        purpose: the verb and object of "needed to …".

    Raises:
        CommandLineError: the competition does not have it.
    """
    if part is None:
        what = f"the competition has no {file}, which is needed to {purpose}"
        raise CommandLineError(Fault(competition.name, what, f"Add {file}, or use the commands that work without it"))
    return part


def competition_names() -> list[str]:
    """The name of every competition there is a folder for, in alphabetical order."""
    package = importlib.import_module(PACKAGE)
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg)


def find_competition(name: str) -> Competition:
    """The competition of that name.

    Raises:
        CommandLineError: there is none.
    """
    names = competition_names()
    if name not in names:
        raise CommandLineError(Fault(name, "is not one of the competitions", f"Choose from {', '.join(names)}"))
    competition: Competition = importlib.import_module(f"{PACKAGE}.{name}").COMPETITION
    return competition
