"""What a competition declares, and where competitions are found.

A competition is a folder under `pulmo/competitions/`; its `__init__.py` declares one `COMPETITION`. Nothing outside the
folder names it: the commands, the runner, the report and the kernels find it by the folder's name, and reach its
modules through the properties of `Competition`; what each module defines is written down in `pulmo.protocols`.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast

from pulmo.errors import CommandLineError, ContractError, Fault

if TYPE_CHECKING:  # this module is imported by everything: types from above are named here, never loaded
    import pandas as pd

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
    from pulmo.training.settings import ImageNetworkConfig

T = TypeVar("T")

ALL_SETTINGS = "*"
"""As a stage's `settings`: it is given the settings of all stages."""
PACKAGE = "pulmo.competitions"
MODEL, ESTIMATE, PREDICTED = "fit_ensemble/model", "fit_ensemble/estimate", "predict/submission"
CV_TABLE, CV_SCORES = "cv/table", "cv/scores"
"""Outputs that the commands read, so that every competition has them."""


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


class BlendParameter(NamedTuple):
    """A number that a competition's blend depends on.

    Attributes:
        default: leaves a file alone: with every parameter at its default, a blend of one file scores as the file does.
        candidates: what a fit may set it to.
    """

    default: float
    candidates: tuple[float, ...]


class Patients(NamedTuple):
    """The patient of each row of a table.

    Attributes:
        of_row: patient ids (text), with the table's index.
        notes: sentences for the user, such as that no table of patients is there.
    """

    of_row: pd.Series
    notes: tuple[str, ...] = ()


class NetworkTraining(NamedTuple):
    """The networks that a stage will train on images, for an estimate of its cost.

    Attributes:
        stage: its name.
        config: of the family.
        pixels: of a side of an image.
        images: of the whole training set.
        folds: of the training set.
    """

    stage: str
    config: ImageNetworkConfig
    pixels: int
    images: int
    folds: int


class DataCheck(NamedTuple):
    """What was found in Kaggle's folder before long work.

    Attributes:
        counts: what was counted → how many, or in words, in order.
        faults: what would stop a stage.
        notes: what the stages would leave out, and go on.
        disk_bytes: what the stages will write, estimated.
        memory_bytes: what they need at once, estimated from below.
        read_seconds: what reading all images will take on one core, estimated from those that have been read.
        trainings: the networks that the stages will train on images.
    """

    counts: Mapping[str, int | str]
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    disk_bytes: int = 0
    memory_bytes: int = 0
    read_seconds: float = 0.0
    trainings: tuple[NetworkTraining, ...] = ()


class Estimate(NamedTuple):
    """The cross-fitted out-of-fold estimate of a run's score: what `fit_ensemble` writes as `estimate`, and puts into
    the model's `ensemble.json`.

    Attributes:
        score: by the competition's metric.
        standard_error: of the score, over patients.
        folds: a row a fold, from `blending.fold_scores.score_folds`; empty where there are none.
        parts: scores by name where the score has parts, such as labels.
    """

    score: float
    standard_error: float
    folds: Sequence[Mapping[str, Any]]
    parts: Mapping[str, float]

    @classmethod
    def of(cls, values: object, where: str) -> Estimate:
        """Check an estimate as it stands in JSON; further values in it are the competition's own.

        Args:
            values: a mapping with `score`, `standard_error` and `folds`, and optionally `parts`.
            where: the file or stage it is from, for the errors.

        Raises:
            ContractError: a value is missing, or is not what it should be.
        """
        if not isinstance(values, Mapping):
            raise ContractError(Fault(where, "there is no estimate", f"Write a mapping with {', '.join(_ESTIMATE)}"))
        faults = [
            Fault(where, f"the estimate has no {name!r}", f"Add {name}: {meaning}")
            if name not in values
            else Fault(where, f"the estimate's {name!r} is {values[name]!r}", f"It must be {meaning}")
            for name, (good, meaning) in _ESTIMATE.items()
            if name not in values or not good(values[name])
        ]
        parts = values.get("parts", {})
        if not isinstance(parts, Mapping) or not all(map(_is_number, parts.values())):
            faults.append(Fault(where, f"the estimate's 'parts' is {parts!r}", "It must be numbers by name"))
        if faults:
            raise ContractError(faults)
        return cls(float(values["score"]), float(values["standard_error"]), values["folds"], dict(parts))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) for row in value)


_ESTIMATE: dict[str, tuple[Callable[[object], bool], str]] = {
    "score": (_is_number, "the score, a finite number"),
    "standard_error": (_is_number, "the standard error of the score, a finite number"),
    "folds": (_is_rows, "a list of rows, one a fold; empty where there are none"),
}


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
        column_aliases: other names that Kaggle takes for a submission's column, name → column.
        kernel: what the competition requires of its Kaggle kernels.
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
    column_aliases: Mapping[str, str] = field(default_factory=dict)
    kernel: KernelRules = KernelRules()
    companion_files: tuple[str, ...] = ()

    @property
    def row_id(self) -> str:
        """The submission's id column."""
        return self.submission_columns[0]

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
