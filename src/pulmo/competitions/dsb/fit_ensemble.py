"""Out-of-fold logits → a temperature by the metric, an honest estimate of the score, and `model/`."""

import numpy as np
import pandas as pd

from pulmo.blending.fold_scores import Ranked, far_worse, score_folds
from pulmo.competitions.dsb.evaluation import evaluate, in_words
from pulmo.competitions.dsb.settings import EnsembleSettings
from pulmo.competitions.dsb.trained_model import Calibration, write_model
from pulmo.models.calibration import fit_temperature
from pulmo.pipeline.stage import Stage
from pulmo.scoring.log_loss import log_loss

OUT_OF_FOLD, LEARNED = "out of fold", "training"


def run(stage: Stage, settings: EnsembleSettings) -> None:
    """Write `model`, the cross-calibrated `out_of_fold` probabilities, their losses as `row_scores`, the `metrics` of
    these and of the training scans, and the `estimate`."""
    out_of_fold, fitted = stage.read("train_cnn/out_of_fold"), stage.read("train_cnn/fitted")
    description = stage.read("features/description")
    logit, label = out_of_fold["logit"].to_numpy(), out_of_fold["label"].to_numpy()
    probability = cross_calibrate(logit, label, out_of_fold["fold"].to_numpy())
    calibration = calibrate(logit, label)
    of_learned = calibration.probability(fitted["logit"].to_numpy())
    metrics = {
        LEARNED: evaluate(label, of_learned, fitted["patient"].to_numpy()),
        OUT_OF_FOLD: evaluate(label, probability, out_of_fold["patient"].to_numpy()),
    }
    for name, found in metrics.items():
        stage.note(f"{name.capitalize()}: {in_words(found)}")
    losses = log_loss(label, probability)
    folds = score_folds(
        losses,
        out_of_fold["patient"].to_numpy(),
        out_of_fold["fold"].to_numpy(),
        Ranked(label, logit),
    )
    for note in far_worse(folds, "log loss", greater_is_better=False):
        stage.note(note)
    estimate = {
        "score": metrics[OUT_OF_FOLD]["log_loss"],
        "standard_error": metrics[OUT_OF_FOLD]["log_loss_error"],
        **metrics[OUT_OF_FOLD],
        "folds": folds,
    }
    record = {
        "calibration": calibration._asdict(),
        **description,
        "estimate": estimate,
    }
    write_model(stage.folder("model"), record, stage.input("train_cnn/models"))
    stage.write("out_of_fold", out_of_fold.assign(probability=probability, learned_probability=of_learned))
    rows = out_of_fold[["id", "patient", "fold"]].rename(columns={"id": "row"})
    stage.write("row_scores", rows.assign(score=losses))
    stage.write("metrics", pd.DataFrame([{"set": name, **found} for name, found in metrics.items()]))
    stage.write("estimate", estimate)


def calibrate(logit: np.ndarray, label: np.ndarray) -> Calibration:
    """Fit to out-of-fold logits (scans,) and labels (scans,).

    The networks are trained with both classes of equal weight, so the prior is put back: that of these scans, and one
    more of each class.
    """
    base_rate = float((np.sum(label) + 1) / (len(label) + 2))
    prior_logit = float(np.log(base_rate / (1 - base_rate)))
    return Calibration(fit_temperature(logit, label, prior_logit), prior_logit, base_rate)


def cross_calibrate(logit: np.ndarray, label: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Probabilities of each fold by a calibration fitted on the other folds; (scans,) all."""
    probability = np.empty(len(logit))
    for number in np.unique(fold):
        inside = fold == number
        probability[inside] = calibrate(logit[~inside], label[~inside]).probability(logit[inside])
    return probability
