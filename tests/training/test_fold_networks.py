"""Folds are trained once, one by one or side by side, and what stands in the way is told."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from pulmo.competition import StageSpec
from pulmo.errors import DivergedError, Fault, UserError
from pulmo.pipeline.stage import Stage, load, save
from pulmo.training.fold_networks import (
    HISTORY,
    NETWORK,
    Folds,
    LeavingFoldsOut,
    copy_networks,
    joined,
    train_folds,
    train_piece,
)

FOLD = np.array([0, 1, 1, 2])


class Means:
    """Learns the mean of the numbers that are not left out; each training takes down in which process it was."""

    def __init__(self, log: Path, stage: Stage, ill: str) -> None:
        stage.note("means are learned")
        self.log, self.ill = log, ill
        keras.utils.set_random_seed(stage.seed)
        self.network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])

    def train(self, left_out: np.ndarray, number: int, checkpoint: Path) -> pd.DataFrame:
        with self.log.open("a") as file:
            file.write(f"{number} {os.getpid()}\n")
        checkpoint.touch()
        if number == 1 and self.ill == "dies":
            os._exit(1)
        if number == 1 and self.ill == "refuses":
            raise UserError(Fault("fold 1", "is not to be trained", "Leave it"))
        if number == 1 and self.ill == "diverges":
            raise DivergedError.of("epoch 3", "the loss is nan")
        self.network.set_weights([np.array([[FOLD[~left_out].mean()]])])
        return pd.DataFrame({"epoch": [0, 1], "loss": [1.0, 0.5]})


def trainer_of(log: Path, ill: str, stage: Stage) -> LeavingFoldsOut:
    means = Means(log, stage, ill)
    return LeavingFoldsOut(means, FOLD, partial(_say, means))


def _say(means: Any, number: int, folder: Path) -> None:
    save(folder / "said", means.network.get_weights()[0] + number)


def stage_of(folder: Path) -> Stage:
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    return Stage(StageSpec("train", "", writes=("models",)), 0, folder, {}, folder, device="cpu")


def folds_of(folder: Path, at_once: int, ill: str = "") -> Folds:
    return Folds(partial(trainer_of, folder / "log", ill), 3, at_once)


def log_of(folder: Path) -> dict[int, int]:
    """The process of each training."""
    rows = [line.split() for line in (folder / "log").read_text().splitlines()]
    return {int(number): int(process) for number, process in rows}


@pytest.mark.parametrize("at_once", [1, 2])
def test_each_fold_leaves_its_network_its_history_and_what_was_said(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulmo.training.fold_networks.cores", lambda: 2)
    stage = stage_of(tmp_path)
    pieces = train_folds(stage, folds_of(tmp_path, at_once))
    means = [4 / 3, 1.0, 2 / 3]
    assert [float(load(piece / "said.npy")[0, 0]) for piece in pieces] == pytest.approx([4 / 3, 2.0, 2 / 3 + 2])
    copy_networks(pieces, stage.folder("models"))
    networks = [keras.models.load_model(stage.workspace / f"models/fold{number}.keras") for number in range(3)]
    assert [float(network.get_weights()[0][0, 0]) for network in networks] == pytest.approx(means)
    assert joined(pieces, HISTORY)["fold"].tolist() == [0, 0, 1, 1, 2, 2]
    assert stage.notes == ["means are learned"]
    assert not list(stage.scratch("checkpoints").iterdir())
    processes = log_of(tmp_path)
    assert sorted(processes) == [0, 1, 2]
    assert (os.getpid() in processes.values()) == (at_once == 1)


def test_folds_that_are_kept_are_not_trained_again(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    pieces = train_folds(stage, folds_of(tmp_path, 1))
    before = [(piece / NETWORK).stat().st_mtime_ns for piece in pieces]
    again = train_folds(stage, folds_of(tmp_path, 2, "dies"))
    assert again == pieces
    assert [(piece / NETWORK).stat().st_mtime_ns for piece in again] == before
    assert len(log_of(tmp_path)) == 3


@pytest.mark.parametrize(
    ("ill", "words"),
    [
        ("refuses", "fold 1: is not to be trained"),
        (
            "dies",
            "stage train: one of 2 processes .* Run it again: folds that are done are kept; or set parallel_folds",
        ),
    ],
)
def test_what_stands_in_the_way_is_told_and_done_folds_are_kept(
    ill: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulmo.training.fold_networks.cores", lambda: 2)
    stage = stage_of(tmp_path)
    stage.checkpoint("fold0", lambda folder: save(folder / "said", np.zeros(1)))
    with pytest.raises(UserError, match=words):
        train_folds(stage, folds_of(tmp_path, 2, ill))
    pieces = train_folds(stage, folds_of(tmp_path, 2))  # and the next goes on
    assert [len(list(piece.iterdir())) for piece in pieces] == [1, 3, 3]
    assert load(pieces[0] / "said.npy") == 0


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_fold_that_diverges_is_named_and_starts_anew(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulmo.training.fold_networks.cores", lambda: 2)
    stage = stage_of(tmp_path)
    with pytest.raises(DivergedError, match="fold1, epoch 3: the training has diverged: the loss is nan"):
        train_folds(stage, folds_of(tmp_path, at_once, "diverges"))
    assert not stage.has_checkpoint("fold1")
    assert not (stage.scratch("checkpoints") / "fold1.npz").exists()


def test_a_checkpoint_goes_when_the_results_are_kept(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    seen: list[Path] = []

    def fill(checkpoint: Path, folder: Path) -> None:
        checkpoint.touch()
        seen.append(checkpoint)
        save(folder / "lines", np.zeros(1))

    folder = train_piece(stage, "networks_seed0_without_0_1", fill)
    assert seen == [stage.scratch("checkpoints") / "networks_seed0_without_0_1.npz"]
    assert not seen[0].exists()
    assert load(folder / "lines.npy") == 0
    train_piece(stage, "networks_seed0_without_0_1", fill)
    assert len(seen) == 1
