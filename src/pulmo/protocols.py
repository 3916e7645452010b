"""What each module of a competition defines, a protocol a module, and the values that these hand over.

mypy checks the modules that a competition's `__init__.py` names as `Modules`; `pulmo NAME check`, their signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from pulmo.errors import Fault
    from pulmo.pipeline.paths import RunPaths
    from pulmo.pipeline.stage import Stage
    from pulmo.report.sections import Draw
    from pulmo.training.settings import ImageNetworkConfig


class StageModule(Protocol):
    """`<stage>.py`: one stage's work."""

    def run(self, stage: Stage, settings: Any) -> None:
        """Read what the stage declares, write all that it declares; `settings` is the competition's own `Section`."""


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


class SubmissionFormat(Protocol):
    """`submission.py`: Kaggle's text ↔ numbers, the metric, and how submission files are combined.

    It is imported by `score`, `validate` and `blend`: NumPy, pandas and the modules of `scoring` and `blending` only.
    """

    @property
    def BLEND_PARAMETERS(self) -> Mapping[str, BlendParameter]:  # noqa: N802 a constant of a module
        """What `blend` takes besides weights, by name; may be empty."""

    @property
    def blend(self) -> Callable[..., pd.DataFrame]:
        """`blend(tables, weights, **parameters)`: submissions with the same ids, whose cells have been checked, a
        weight each, and the parameters of `BLEND_PARAMETERS` → a submission in the order of the first."""

    def check_predictions(self, submission: pd.DataFrame) -> list[Fault]:
        """A fault for each cell that Kaggle would refuse; ids and columns have been checked."""

    def patients(self, table: pd.DataFrame, data: Path | None) -> Patients:
        """The patient of each row of a submission, sample or solution; `data` is Kaggle's folder, if it is there."""

    def read_solution(self, path: Path) -> pd.DataFrame:
        """The true answers. Raises UserError with every fault of the file."""

    def score(self, solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str) -> float:
        """Kaggle's number, called as Kaggle calls a metric. Raises ParticipantVisibleError for the submission's faults,
        an ordinary exception for the solution's."""


class PartedFormat(SubmissionFormat, Protocol):
    """A `submission.py` whose score has named parts, such as the AUC of each label. Optional."""

    def score_parts(
        self, solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str
    ) -> Mapping[str, float]:
        """The parts of `score` by name; NaN where a part is not defined."""


class Holdout(Protocol):
    """`hidden_test.py`: a test set cut from training data, to rehearse a kernel on. Optional."""

    def write_hidden_test(
        self, data: Path, folder: Path, solution: Path, seed: int = 0, model: Path | None = None
    ) -> None:
        """Write Kaggle's files with another test set, and what only Kaggle would know.

        Args:
            data: Kaggle's folder, or demo data; only read.
            folder: where the files go; not there yet.
            solution: the file for the true answers.
            seed: chooses who is hidden: whole patients.
            model: the trained model that will predict them, if its labels depend on it.

        Raises:
            UserError: the training data have faults, or too few patients.
        """


SettingsType = TypeVar("SettingsType")


class Phantom(Protocol[SettingsType]):
    """`phantom.py`: demo data of known truth in Kaggle's layout. Optional."""

    def PhantomSettings(self, *, seed: int = 0) -> SettingsType:  # noqa: N802 a class of the module
        """How much is drawn; from which seed."""

    def write_phantom(
        self,
        folder: Path,
        solution: Path,
        settings: SettingsType | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> object:
        """Write Kaggle's files into `folder` and the hidden truth into the file `solution`; `progress(done, total)` is
        called after each image or scan. Equal settings write equal bytes."""


class Figures(Protocol):
    """`figures/__init__.py`: plots drawn beside a submission. Optional."""

    def draw(self, paths: RunPaths) -> list[Path]:
        """Draw what the run has made so far into `figures/` beside its submission; the files' paths."""


class FigureSection(Protocol):
    """`figures/<section>.py`: one section of the report page. Optional, each of them."""

    @property
    def FIGURES(self) -> Sequence[Draw]:  # noqa: N802 a constant of a module
        """The functions that draw the section's figures, in order."""


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


class DataChecker(Protocol):
    """`data_check.py`: the competition's own files, checked before long work. Optional."""

    def check(self, data: Path, settings: Any) -> DataCheck:
        """Read the tables, join them with the images, and read some of these; nothing is written.

        Args:
            data: Kaggle's folder.
            settings: the competition's own `Settings`.
        """


class Modules(NamedTuple):
    """All modules of a competition, for mypy: its `__init__.py` names them under TYPE_CHECKING."""

    stages: Sequence[StageModule]
    submission: SubmissionFormat
    holdout: Holdout | None = None
    phantom: Phantom[Any] | None = None
    figures: Figures | None = None
    data_check: DataChecker | None = None
