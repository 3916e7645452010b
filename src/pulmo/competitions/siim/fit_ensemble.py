"""Out-of-fold probabilities → thresholds by the competition's Dice, an honest estimate of the score, and `model/`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import bootstrap_mean
from pulmo.blending.fold_scores import Ranked, far_worse, score_folds
from pulmo.competitions.siim.settings import EnsembleSettings
from pulmo.competitions.siim.thresholds import (
    LEVELS,
    Choices,
    Evidence,
    Thresholds,
    counts_at_least,
    dice_of,
    fit_thresholds,
    try_thresholds,
)
from pulmo.competitions.siim.trained_model import write_model
from pulmo.pipeline.model_folder import Source
from pulmo.pipeline.stage import Stage
from pulmo.scoring.rle import decode, parse


def run(stage: Stage, settings: EnsembleSettings) -> None:
    """Write `model`, `out_of_fold` (a row an X-ray held out, with its cross-fitted Dice), the `estimate`; `thresholds`,
    those that each fold is scored with; and of the `search` for thresholds every choice with its mean `dice`."""
    held, evidence = read_evidence(stage)
    choices = Choices(**settings.model_dump())
    by_fold = fit_by_fold(evidence, held["fold"].to_numpy(), choices)
    scores = scores_by_fold(evidence, held["fold"].to_numpy(), by_fold)
    tried, dice = try_thresholds(evidence, choices)
    thresholds = tried[int(np.argmax(dice))]
    estimate = estimate_of(scores, held)
    for note in far_worse(estimate["folds"], "mean Dice", greater_is_better=True):
        stage.note(note)
    stage.write("out_of_fold", held[["image", "patient", "fold", "any", "area", "row"]].assign(dice=scores))
    stage.write("estimate", estimate)
    stage.write("thresholds", pd.DataFrame([{"fold": fold, **fitted._asdict()} for fold, fitted in by_fold.items()]))
    stage.write("search", pd.DataFrame(tried).assign(dice=dice))
    record = {
        "thresholds": thresholds._asdict(),
        **stage.read("features/description"),
        "estimate": estimate,
    }
    tta_flip = stage.read("train_segmenter/description")["tta_flip"]
    write_model(stage.folder("model"), record, Source(stage.input("train_segmenter/models"), tta_flip))


def read_evidence(stage: Stage) -> tuple[pd.DataFrame, Evidence]:
    """The X-rays held out, a row each (columns of `features/x_rays`, and `fold`, `any` and `row`), and what was said
    of them at full size."""
    from pulmo.training.masks import upsampled  # with it comes Keras, which takes seconds to load

    x_rays, said = stage.read("features/x_rays"), stage.read("train_segmenter/out_of_fold")
    probability = stage.read("train_segmenter/probability")
    held = x_rays.iloc[said["row"]].reset_index(drop=True).assign(any=said["any"], row=said["row"])
    counts = np.empty((len(held), 2, LEVELS), np.int64)
    for number in stage.progress(range(len(held)), "X-rays at full size"):
        shape = int(held["rows"].iloc[number]), int(held["columns"].iloc[number])
        mask = decode(parse([held["cell"].iloc[number]]), shape)[0]
        counts[number] = counts_at_least(upsampled(probability[number], shape), mask)
    return held, Evidence(counts[:, 0], counts[:, 1], held["area"].to_numpy(), held["any"].to_numpy())


def cross_fit(evidence: Evidence, fold: np.ndarray, choices: Choices) -> np.ndarray:
    """What each picture scores with thresholds fitted on the pictures of other folds, (pictures,) float64."""
    return scores_by_fold(evidence, fold, fit_by_fold(evidence, fold, choices))


def fit_by_fold(evidence: Evidence, fold: np.ndarray, choices: Choices) -> dict[int, Thresholds]:
    """For each fold, the thresholds fitted on the pictures of the others."""
    return {number: fit_thresholds(evidence.take(fold != number), choices) for number in np.unique(fold).tolist()}


def scores_by_fold(evidence: Evidence, fold: np.ndarray, by_fold: Mapping[int, Thresholds]) -> np.ndarray:
    """What each picture scores with the thresholds of its fold, (pictures,) float64."""
    scores = np.empty(len(fold))
    for number, thresholds in by_fold.items():
        inside = fold == number
        scores[inside] = dice_of(evidence.take(inside), thresholds)
    return scores


def mean_of(scores: np.ndarray) -> float | None:
    """None where there is no image: all of them may show a pneumothorax, or none."""
    return float(scores.mean()) if len(scores) else None


def estimate_of(scores: np.ndarray, held: pd.DataFrame) -> dict[str, Any]:
    """What goes into `score.json`: the mean Dice and its bootstrap error, of all images and apart, and by fold.

    Args:
        scores: cross-fitted Dice of each image, (images,).
        held: see `read_evidence`.
    """
    patients, positive = held["patient"].to_numpy(), (held["area"] > 0).to_numpy()
    every = bootstrap_mean(scores, patients)
    ranked = None if held["any"].isna().any() else Ranked(positive, held["any"].to_numpy())
    return {
        "score": every.value,
        "standard_error": every.standard_error,
        "dice_with_air": mean_of(scores[positive]),
        "right_without_air": mean_of(scores[~positive]),
        "score_of_saying_nothing": float((~positive).mean()),
        "images": len(held),
        "images_with_air": int(positive.sum()),
        "folds": score_folds(scores, patients, held["fold"].to_numpy(), ranked),
    }
