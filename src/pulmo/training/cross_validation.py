"""Cross-validation: a model without each fold, and out-of-fold predictions by the model that was not trained on a row.

- cross_validate_networks: a network a fold, saved as soon as it is trained;
- NetworkTrainer: a network compiled once, trained without some rows;
- cross_validate: models of a table, and one of all its rows.

On a CPU several folds can be trained at the same time, see `parallel_folds`; on a GPU they are trained one by one.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from pulmo.errors import DivergedError, Fault, UserError
from pulmo.models.quantiles import Examples, QuantileModel
from pulmo.pipeline.parallel import cores
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.device import computing_on
from pulmo.training.folds import check_folds, validation_part
from pulmo.training.parallel_folds import progress_title, train_in_parallel
from pulmo.training.parts import in_parts, release
from pulmo.training.tasks import Dataset, Note, Task

if TYPE_CHECKING:
    from pulmo.training.frozen_features import FrozenFeatures
    from pulmo.training.inference import Predictions

Model = TypeVar("Model", bound=QuantileModel)
NETWORK, HISTORY = "network.keras", "history"
SEEDS_A_RUN = 1000
"""Training number n of a run with seed s has seed SEEDS_A_RUN · s + n."""


class CrossValidatedNetworks:
    """A network without each of the first folds, and its predictions.

    Args:
        folders: of each fold: NETWORK, HISTORY and the predictions.
        fold: of each row of the dataset, (rows,).
        every_row: whether each network has predicted every row, not those of its fold alone.
    """

    def __init__(self, folders: Sequence[Path], fold: np.ndarray, every_row: bool) -> None:
        self._folders, self._fold, self._every_row = folders, fold, every_row

    @property
    def rows(self) -> np.ndarray:
        """The numbers of the rows predicted out of fold, in order of folds, (held_out,) int64."""
        return np.concatenate([np.flatnonzero(self._fold == number) for number in range(len(self._folders))])

    @property
    def history(self) -> pd.DataFrame:
        """The networks' histories, see `loop.Trainer.fit`; `fold` is the network's."""
        tables: list[pd.DataFrame] = [load(folder / f"{HISTORY}.parquet") for folder in self._folders]
        return pd.concat(tables, ignore_index=True)

    def out_of_fold(self, name: str) -> np.ndarray:
        """Predictions of that name for `rows`, (held_out, …), where these are small."""
        return np.concatenate([values for _, values in self.in_parts(name)])

    def in_parts(self, name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Some of `rows` after the others, of one fold each, and the predictions of that name for them."""
        for number, folder in enumerate(self._folders):
            rows = np.flatnonzero(self._fold == number)
            saved = {name: load(folder / f"{name}.npy")}
            for part in in_parts(np.arange(len(rows)), saved):
                yield rows[part], saved[name][rows[part] if self._every_row else part]
                release(saved)

    def of_every_row(self, name: str) -> np.ndarray:
        """Predictions of that name by each network for every row, (folds, rows, …); needs `every_row`."""
        return np.stack([load(folder / f"{name}.npy") for folder in self._folders])

    def write(self, stage: Stage) -> None:
        """Write the stage's outputs `history` and `models`, the networks as `fold<number>.keras`."""
        folder = stage.folder("models")
        for number, source in enumerate(self._folders):
            shutil.copy(source / NETWORK, folder / f"fold{number}.keras")
        stage.write("history", self.history)


def cross_validate_networks(
    stage: Stage,
    dataset: Dataset,
    task: Task,
    folds: int | None = None,
    *,
    seed: int | None = None,
    name: str = "fold",
    every_row: bool = False,
) -> CrossValidatedNetworks:
    """Train a network without each fold; those of an interrupted run that are finished are not trained again.

    Args:
        stage: its checkpoints, device, notes and progress bar are used.
        dataset: all rows.
        task: what is trained for.
        folds: a network for each of the first so many; default: for all.
        seed: of weights, batches and augmentation; default: the stage's.
        name: of the checkpoints, followed by the number of the fold.
        every_row: predict every row, also those trained on.

    Raises:
        UserError: a patient is in two folds, a process died, or an error of the network's own.
        DivergedError: a training diverged; it names the fold.
    """
    if dataset.patient is not None:
        check_folds(dataset.patient, dataset.fold)
    networks = dataset.folds if folds is None else min(folds, dataset.folds)
    jobs = _Jobs(dataset, task, stage.seed if seed is None else seed, name, every_row)
    left = [number for number in range(networks) if not stage.has_checkpoint(f"{name}{number}")]
    if left:
        with computing_on(stage.device) as device:
            stage.trained_on = str(device)
            processes = min(task.config.parallel_folds, networks, cores()) if device.kind == "cpu" else 1
            if processes == 1:
                trainer = jobs.trainer(stage)
                for number in stage.progress(left, progress_title(stage)):
                    jobs.train(stage, trainer, number)
            else:
                train_in_parallel(stage, jobs, left, processes)
    folders = [stage.checkpoint_folder(f"{name}{number}") for number in range(networks)]
    return CrossValidatedNetworks(folders, dataset.fold, every_row)


class NetworkTrainer:
    """A network compiled once and trained on some of a dataset's rows, as often as there are folds. Inside
    `computing_on` only.

    Args:
        dataset: all rows.
        task: what is trained for.
        seed: of the run.
        note: takes notes on the network for the run's summary.
    """

    def __init__(self, dataset: Dataset, task: Task, seed: int, note: Note = lambda _: None) -> None:
        from pulmo.training.loop import Trainer

        self._dataset, self._task, self._seed = dataset, task, seed
        self._build = task.network(dataset.inputs, note)
        self._schedule = task.config.schedule(dataset.training_size)
        network, augment = self._new_network(seed), task.augment(seed)
        self._frozen = self._frozen_features(network, augment)
        head, augment = (self._frozen.head, None) if self._frozen else (None, augment)
        self._trainer = Trainer(network, task.loss(), self._schedule, augment, task.metrics(), head)
        self._predictor = task.predictor(network)

    def _frozen_features(self, network: Any, augment: Any) -> "FrozenFeatures | None":
        """Where there is an encoder that is never trained."""
        from pulmo.models.encoders import features_of
        from pulmo.training.data import Rows
        from pulmo.training.frozen_features import FrozenFeatures

        views = self._schedule.frozen_views
        if not views or self._schedule.frozen_epochs < self._schedule.epochs or not features_of(network):
            return None

        return FrozenFeatures(network, Rows(self._dataset.inputs, self._task.target), augment, views)

    @property
    def network(self) -> Any:
        """The Keras model, with the weights of the last training."""
        return self._trainer.network

    def train(self, held_out: np.ndarray, number: int, checkpoint: Path) -> pd.DataFrame:
        """Train on all trainable rows but those held out, of which a few are monitored.

        Args:
            held_out: (rows,) bool.
            number: of this training; another one starts from other weights and has other batches.
            checkpoint: a file, see `loop.Trainer.fit`.

        Returns:
            The history, see `loop.Trainer.fit`.
        """
        from pulmo.training.checkpoints import values_of
        from pulmo.training.data import OrderedBatches, Rows, TrainingBatches, monitored_subset

        seed, batch, steps = SEEDS_A_RUN * self._seed + number, self._task.config.batch, self._schedule.steps
        trainable = self._dataset.trainable_rows
        trained, validating = self._split(np.flatnonzero(trainable & ~held_out), seed)
        rows, sampler = Rows(self._dataset.inputs, self._task.target), self._sampler(trained)
        if self._frozen:
            rows, sampler = self._frozen.rows, self._frozen.sampler(sampler)
        weight = self._task.weight(trained)
        rows = rows._replace(weight=None if weight is None else np.resize(weight, rows.length))
        train = TrainingBatches(rows, batch, seed, steps, sampler)
        validation = OrderedBatches(rows, batch, validating) if len(validating) else None
        some_held_out = monitored_subset(np.flatnonzero(trainable & held_out), steps * batch)
        monitored = OrderedBatches(rows, batch, some_held_out) if len(some_held_out) else None
        initial = values_of(self._new_network(seed).variables)
        return self._trainer.fit(initial, train, checkpoint, validation, monitored)

    def predict(self, rows: np.ndarray | None = None) -> "Predictions":
        """The last trained network's predictions for every row, or for those of the numbers `rows`, where these are
        small."""
        from pulmo.training.inference import gathered

        return gathered(self.predict_in_parts(rows))

    def predict_in_parts(self, rows: np.ndarray | None = None) -> "Iterator[Predictions]":
        """The same, of some rows after the others, see `inference.predict_in_parts`."""
        from pulmo.training.inference import predict_in_parts

        return predict_in_parts(self._predictor, self._dataset.inputs, rows)

    def _split(self, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers → those trained on, and those of other patients that choose the best epoch."""
        share, patient = self._task.config.validation_share, self._dataset.patient
        if not share:
            return rows, rows[:0]
        if patient is None:
            raise _unsupported("validation_share", "the patient of each row")
        validating = validation_part(patient[rows], share, seed)
        return rows[~validating], rows[validating]

    def _sampler(self, rows: np.ndarray) -> Any:
        from pulmo.training.data import PositiveShare, shuffled

        first, positive = self._task.config.first_positive_share, self._dataset.positive
        if not first:
            return shuffled(rows)
        if positive is None:
            raise _unsupported("first_positive_share", "which rows are positive")
        return PositiveShare(rows, positive[rows], first, self._schedule.epochs)

    def _new_network(self, seed: int) -> Any:
        import keras

        keras.utils.set_random_seed(seed)
        return self._build()


def _unsupported(setting: str, needed: str) -> UserError:
    what = f"cannot be used here: the training data do not have {needed}"
    return UserError(Fault(f"setting {setting}", what, "Set it to 0"))


def train_checkpointed(stage: Stage, name: str, train: Callable[[Path, Path], None]) -> Path:
    """A training whose results are kept in a folder of that name, see `Stage.checkpoint`.

    Args:
        stage: in whose workspace.
        name: of the folder.
        train: (checkpoint, folder) → trains, with the state between epochs in the file `checkpoint`, and writes its
            results into the fresh folder. The checkpoint is removed when the results are whole.

    Raises:
        DivergedError: it names the training. The checkpoint is removed, so that the training starts anew.
    """
    checkpoint = stage.scratch("training_state") / f"{name}.npz"
    try:
        folder = stage.checkpoint(name, partial(train, checkpoint))
    except DivergedError as error:
        checkpoint.unlink(missing_ok=True)
        raise error.within(name) from None
    checkpoint.unlink(missing_ok=True)  # of a large network, as large as three of it
    return folder


class _Jobs(NamedTuple):
    """The trainings of one cross-validation: all that another process must know."""

    dataset: Dataset
    task: Task
    seed: int
    name: str
    every_row: bool

    def trainer(self, stage: Stage) -> NetworkTrainer:
        return NetworkTrainer(self.dataset, self.task, self.seed, stage.note)

    def train(self, stage: Stage, trainer: NetworkTrainer, number: int) -> None:
        """Train without a fold and save network, history and predictions."""
        from pulmo.training.inference import save_predictions

        def train(checkpoint: Path, folder: Path) -> None:
            held_out = self.dataset.fold == number
            history = trainer.train(held_out, number, checkpoint)
            trainer.network.save(folder / NETWORK)
            save(folder / HISTORY, history.assign(fold=number))
            rows = np.arange(len(held_out)) if self.every_row else np.flatnonzero(held_out)
            save_predictions(folder, trainer.predict_in_parts(rows), len(rows))

        train_checkpointed(stage, f"{self.name}{number}", train)


class CrossValidation(NamedTuple, Generic[Model]):
    """Models of a table.

    Attributes:
        out_of_fold: (rows, 3); each row predicted by the model that was not trained on its fold.
        whole: the model of all rows, for new ones; it is trained on more than any fold's model.
    """

    out_of_fold: np.ndarray
    whole: Model


def cross_validate(
    examples: Examples, fold: np.ndarray, fit: Callable[[int, Examples], Model], numbers: Iterable[int] | None = None
) -> CrossValidation[Model]:
    """Fit a model without each fold, and one on all rows.

    Args:
        examples: all rows.
        fold: the fold of each row, (rows,) int, from 0 with none left out.
        fit: number of the fold left out, and the examples outside it → model; the number of folds stands for none.
        numbers: those of `fits_of(fold)`, by default counted here; for instance a progress bar over them.

    Raises:
        DivergedError: a fit failed, or a model predicts what is not finite; it names the fold.
    """
    out_of_fold = np.full((len(fold), 3), np.nan)
    for number in numbers or fits_of(fold):
        held_out = fold == number
        # The model of all rows is checked by its predictions of these.
        predicted_rows = held_out if held_out.any() else np.ones_like(held_out)
        where = f"fold{number}" if held_out.any() else "all rows"
        try:
            model = fit(number, examples.take(~held_out))
        except DivergedError as error:
            raise error.within(where) from None
        predicted = model.predict(examples.features[predicted_rows])
        if not np.isfinite(predicted).all():
            raise DivergedError.of(where, "what the model predicts is not finite")
        if held_out.any():
            out_of_fold[held_out] = predicted
    return CrossValidation(out_of_fold, model)


def fits_of(fold: np.ndarray) -> range:
    """The numbers of all fits: one a fold, and one more on all rows."""
    return range(int(fold.max()) + 2)
