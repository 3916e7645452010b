"""Networks of folds are trained once, one by one or in parallel; a failure is named, and finished folds are kept."""

import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pulmo.competition import StageSpec
from pulmo.errors import DivergedError, Fault, UserError
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.cross_validation import (
    NETWORK,
    NetworkTrainer,
    cross_validate_networks,
    train_checkpointed,
)
from pulmo.training.device import computing_on
from pulmo.training.inference import OutputPredictor, Predictor
from pulmo.training.parallel_folds import _worker_pool
from pulmo.training.settings import TrainingConfig
from pulmo.training.tasks import Dataset, Note

FOLD = np.array([0, 1, 1, 2, -1])
INPUTS = {"image": np.arange(5, dtype=np.float32)[:, None]}


@dataclass(frozen=True)
class LineTask:
    """Regression by a line; each training logs the fold left out and its process, and fold 1 may fail."""

    config: TrainingConfig
    target: np.ndarray
    log: Path
    failure: str = ""

    def network(self, inputs: Mapping[str, np.ndarray], note: Note) -> Callable[[], Any]:
        note("a line is fitted")
        image = keras.Input((1,), name="image")
        return lambda: keras.Model({"image": image}, keras.layers.Dense(1)(image))

    def augment(self, seed: int) -> Any:
        return None

    def loss(self) -> Any:
        return keras.losses.MeanSquaredError()

    def metrics(self) -> dict[str, Any]:
        return {}

    def weight(self, rows: np.ndarray) -> np.ndarray | None:
        (left_out,) = set(range(3)) - set(FOLD[rows].tolist())
        with self.log.open("a") as file:
            file.write(f"{left_out} {os.getpid()}\n")
        if left_out == 1 and self.failure == "dies":
            os._exit(1)
        if left_out == 1 and self.failure == "refuses":
            raise UserError(Fault("fold 1", "is not to be trained", "Leave it"))
        if left_out == 1 and self.failure == "diverges":
            raise DivergedError.of("epoch 3", "the loss is nan")
        return None

    def predictor(self, network: Any) -> Predictor:
        return OutputPredictor(network, "value")


def task_of(folder: Path, parallel: int, failure: str = "") -> LineTask:
    config = TrainingConfig(epochs=2, batch=2, learning_rate=0.1, parallel_folds=parallel)
    return LineTask(config, 2 * INPUTS["image"], folder / "log", failure)


def stage_of(folder: Path) -> Stage:
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    return Stage(StageSpec("train", "", writes=("models", "history")), 0, folder, {}, folder, device="cpu")


def log_of(folder: Path) -> dict[int, int]:
    """The process of each training."""
    rows = [line.split() for line in (folder / "log").read_text().splitlines()]
    return {int(number): int(process) for number, process in rows}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("cross_validation", "parallel_folds"):
        monkeypatch.setattr(f"pulmo.training.{module}.cores", lambda: 2)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [1, 2])
def test_each_fold_leaves_its_network_its_history_and_its_predictions(parallel: int, tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    result = cross_validate_networks(stage, Dataset(INPUTS, FOLD), task_of(tmp_path, parallel))
    assert result.rows.tolist() == [0, 1, 2, 3]
    result.write(stage)
    networks = [keras.models.load_model(stage.workspace / f"models/fold{number}.keras") for number in range(3)]
    slopes, offsets = ([float(network.get_weights()[part].item()) for network in networks] for part in (0, 1))
    assert len(set(slopes)) == 3
    by_hand = [row * slopes[FOLD[row]] + offsets[FOLD[row]] for row in range(4)]
    assert result.out_of_fold("value")[:, 0] == pytest.approx(by_hand, rel=1e-6)
    assert [rows.tolist() for rows, _ in result.in_parts("value")] == [[0], [1, 2], [3]]
    assert result.history["fold"].tolist() == [0, 0, 1, 1, 2, 2]
    assert stage.notes == ["a line is fitted"]
    assert not list(stage.scratch("training_state").iterdir())
    processes = log_of(tmp_path)
    assert sorted(processes) == [0, 1, 2]
    assert (os.getpid() in processes.values()) == (parallel == 1)


@pytest.mark.slow
def test_relative_folders_are_those_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes stay, while a notebook may change its folder."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        stage = stage_of(Path("work"))
        cross_validate_networks(stage, Dataset(INPUTS, FOLD), task_of(Path("work"), 2)).write(stage)
        assert sorted(path.name for path in Path("work/models").iterdir()) == [f"fold{n}.keras" for n in range(3)]


def test_every_row_may_be_predicted_by_the_first_folds(tmp_path: Path) -> None:
    stage, data = stage_of(tmp_path), Dataset(INPUTS, FOLD)
    result = cross_validate_networks(stage, data, task_of(tmp_path, 1), folds=2, every_row=True)
    everything = result.of_every_row("value")
    assert everything.shape == (2, 5, 1)
    assert result.rows.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(result.out_of_fold("value"), everything[[0, 1, 1], [0, 1, 2]])


def test_another_seed_gives_other_networks_under_another_name(tmp_path: Path) -> None:
    stage, data = stage_of(tmp_path), Dataset(INPUTS, FOLD)
    first, second = (
        cross_validate_networks(stage, data, task_of(tmp_path, 1), 1, seed=seed, name=f"seed{seed}_") for seed in (0, 1)
    )
    assert first.out_of_fold("value").shape == second.out_of_fold("value").shape == (1, 1)
    assert sorted(path.name for path in (tmp_path / "checkpoints").glob("seed*")) == ["seed0_0", "seed1_0"]


def test_finished_folds_are_not_trained_again(tmp_path: Path) -> None:
    stage, data = stage_of(tmp_path), Dataset(INPUTS, FOLD)
    cross_validate_networks(stage, data, task_of(tmp_path, 1))
    before = [(tmp_path / f"checkpoints/fold{number}" / NETWORK).stat().st_mtime_ns for number in range(3)]
    cross_validate_networks(stage, data, task_of(tmp_path, 2, "dies"))
    assert [(tmp_path / f"checkpoints/fold{number}" / NETWORK).stat().st_mtime_ns for number in range(3)] == before
    assert len(log_of(tmp_path)) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("refuses", "fold 1: is not to be trained"),
        (
            "dies",
            "stage train: one of 2 processes .* Run it again: folds that are done are kept; or set parallel_folds",
        ),
    ],
)
def test_a_failure_is_named_and_finished_folds_are_kept(failure: str, words: str, tmp_path: Path) -> None:
    stage, data = stage_of(tmp_path), Dataset(INPUTS, FOLD)
    stage.checkpoint("fold0", lambda folder: save(folder / "value", np.full((1, 1), 7.0)))
    with pytest.raises(UserError, match=words):
        cross_validate_networks(stage, data, task_of(tmp_path, 2, failure))
    result = cross_validate_networks(stage, data, task_of(tmp_path, 2))  # and the next run goes on
    assert result.out_of_fold("value")[0, 0] == 7
    assert sorted(path.name for path in (tmp_path / "checkpoints/fold0").iterdir()) == ["value.npy"]
    assert len(list((tmp_path / "checkpoints/fold1").iterdir())) == 3


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [1, 2])
def test_a_fold_that_diverges_is_named_and_starts_anew(parallel: int, tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    checkpoint = stage.scratch("training_state") / "fold1.npz"
    checkpoint.touch()
    with pytest.raises(DivergedError, match="fold1, epoch 3: the training has diverged: the loss is nan"):
        cross_validate_networks(stage, Dataset(INPUTS, FOLD), task_of(tmp_path, parallel, "diverges"))
    assert not stage.has_checkpoint("fold1")
    assert not checkpoint.exists()


def test_a_checkpoint_goes_when_the_results_are_whole(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    seen: list[Path] = []

    def train(checkpoint: Path, folder: Path) -> None:
        checkpoint.touch()
        seen.append(checkpoint)
        save(folder / "lines", np.zeros(1))

    folder = train_checkpointed(stage, "without_0_1", train)
    assert seen == [stage.scratch("training_state") / "without_0_1.npz"]
    assert not seen[0].exists()
    assert load(folder / "lines.npy") == 0
    train_checkpointed(stage, "without_0_1", train)
    assert len(seen) == 1


def test_memory_mapped_arrays_are_sent_by_name_with_the_part_they_show(tmp_path: Path) -> None:
    values = np.arange(24_000, dtype=np.int16).reshape(200, 3, 40)
    np.save(tmp_path / "values.npy", values)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    arrays = {"whole": mapped, "reshaped": mapped.reshape(600, 40), "part": mapped[50:70], "strided": mapped[::2]}
    _worker_pool(2)
    for name, array in arrays.items():
        packed = ForkingPickler.dumps(array)  # as a pool sends it
        np.testing.assert_array_equal(pickle.loads(packed), array)
        assert (len(packed) < 1000) == (name != "strided")


def test_what_the_settings_need_of_the_dataset_is_named(tmp_path: Path) -> None:
    task = task_of(tmp_path, 1)
    for setting, words in (("validation_share", "the patient of each row"), ("first_positive_share", "are positive")):
        changed = {setting: 0.3}
        other = replace(task, config=task.config.model_copy(update=changed))
        with computing_on("cpu"), pytest.raises(UserError, match=words):
            NetworkTrainer(Dataset(INPUTS, FOLD), other, seed=0).train(FOLD == 0, 0, tmp_path / "0.npz")
