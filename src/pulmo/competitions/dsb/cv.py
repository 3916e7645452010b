"""Cross-validation: networks trained on other patients, calibrated by a temperature fitted on the other folds.

The reference is the base rate: the share of positives among the training scans, predicted for every scan.
"""

from typing import Any

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import bootstrap_mean
from pulmo.competitions.dsb.cnn import LOGITS, logit_of
from pulmo.competitions.dsb.data import balanced_folds
from pulmo.competitions.dsb.evaluation import evaluate
from pulmo.competitions.dsb.fit_ensemble import calibrate, cross_calibrate
from pulmo.competitions.dsb.settings import Settings
from pulmo.competitions.dsb.train_cnn import train_networks
from pulmo.models.logits import sigmoid
from pulmo.pipeline.stage import Stage
from pulmo.scoring.log_loss import log_loss

BASE_RATE, PLAIN, CALIBRATED = "base rate", "network", "network, calibrated"


def run(stage: Stage, settings: Settings) -> None:
    """Write `predictions` of every scan by every model and repeat, the `table` of scores, and `scores` as JSON."""
    scans = stage.read("features/scans")
    parts = []
    for repeat in range(settings.cv.repeats):
        seed = stage.seed + repeat
        fold = balanced_folds(scans, settings.features.folds, seed)
        result = train_networks(stage, settings.train_cnn, fold, seed, f"repeat{repeat}_fold")
        logit = logit_of(result.of_every_row(LOGITS))[fold, np.arange(len(fold))]
        parts.append(_predictions(scans, logit, fold).assign(repeat=repeat))
    predictions = pd.concat(parts, ignore_index=True)
    table = score_table(predictions)
    stage.write("predictions", predictions)
    stage.write("table", table)
    stage.write("scores", _scores(settings, stage.seed, table))


def score_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Scores of each model over all repeats, best last.

    Returns:
        One row a model: `model`, `log loss` and its `error`, its `gain` on the base rate and the `gain error`, both
        paired by scan and by bootstrap over patients; then `AUC`, its `AUC low` and `AUC high`, and the `accuracy`, of
        the mean over repeats.
    """
    losses = predictions.assign(loss=log_loss(predictions["label"].to_numpy(), predictions["probability"].to_numpy()))
    by_scan = losses.pivot_table(index=["patient", "id"], columns="model", values="loss", aggfunc="mean")
    patient = by_scan.index.get_level_values("patient").to_numpy()
    means = predictions.groupby(["model", "patient", "id"], sort=False)[["label", "probability"]].mean().reset_index()
    rows = []
    for model in predictions["model"].unique():
        # Losses: the smaller is the better, so the gain is the base rate's loss minus the model's.
        loss = bootstrap_mean(by_scan[model].to_numpy(), patient)
        gain = bootstrap_mean((by_scan[BASE_RATE] - by_scan[model]).to_numpy(), patient)
        mean = means[means["model"] == model]
        found = evaluate(*(mean[name].to_numpy() for name in ("label", "probability", "patient")))
        row = {"model": model, "log loss": loss.value, "error": loss.standard_error}
        row |= {"gain": gain.value, "gain error": gain.standard_error}
        row |= {"AUC": found["auc"], "AUC low": found["auc_low"], "AUC high": found["auc_high"]}
        rows.append(row | {"accuracy": found["accuracy"]})
    return pd.DataFrame(rows)


def _predictions(scans: pd.DataFrame, logit: np.ndarray, fold: np.ndarray) -> pd.DataFrame:
    label = scans["label"].to_numpy()
    base = np.empty(len(label))
    for number in np.unique(fold):
        base[fold == number] = calibrate(logit[fold != number], label[fold != number]).base_rate
    predicted = {BASE_RATE: base, PLAIN: sigmoid(logit), CALIBRATED: cross_calibrate(logit, label, fold)}
    rows = scans[["id", "patient", "label"]].assign(fold=fold)
    return pd.concat([rows.assign(model=name, probability=values) for name, values in predicted.items()])


def _scores(settings: Settings, seed: int, table: pd.DataFrame) -> dict[str, Any]:
    """What goes into `score.json`."""
    best = table.set_index("model").loc[CALIBRATED]
    return {
        "score": float(best["log loss"]),
        "standard_error": float(best["error"]),
        "gain_on_base_rate": float(best["gain"]),
        "gain_standard_error": float(best["gain error"]),
        "auc": float(best["AUC"]),
        "protocol": f"{settings.features.folds} folds by patient, {settings.cv.repeats} seeds from {seed}; the "
        "temperature of a fold fitted on the others; gain: on the base rate, paired; errors: bootstrap by patient",
        "models": table.to_dict("records"),
    }
