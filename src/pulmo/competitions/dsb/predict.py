"""Scans and `model/` → a probability for each scan of the sample submission, and Grad-CAM maps of the most probable.

Without a sample submission, all scans are predicted that are not among the training scans; one scan alone always is.
"""

from contextlib import ExitStack

import numpy as np
import pandas as pd

from pulmo.competitions.dsb.cnn import mean_grad_cam, mean_logit
from pulmo.competitions.dsb.data import find_scans, labels_of_classes
from pulmo.competitions.dsb.evaluation import evaluate, in_words
from pulmo.competitions.dsb.settings import PredictSettings
from pulmo.competitions.dsb.submission import to_submission
from pulmo.competitions.dsb.trained_model import TrainedModel, read_model
from pulmo.competitions.dsb.volumes import make_volumes
from pulmo.errors import Fault, UserError
from pulmo.pipeline.stage import Stage

FEW = 5
"""Up to so many scans, each prediction is noted in the summary."""


def run(stage: Stage, settings: PredictSettings) -> None:
    """Write `predictions` (`id`, `label` where known, `logit`, `probability`) and the `submission`; the `metrics` where
    labels are known; and of the most probable scans, `grad_cam_scans`, their `volumes`, means first, and
    what speaks for it in these: `cams`."""
    model = read_model(stage.input("fit_ensemble/model"))
    scans = requested_scans(stage, model)
    whole, shown = make_volumes(stage, scans, model.volumes.shown)
    with ExitStack() as scopes:
        # The network's channels are the last.
        volumes = shown[..., -model.volumes.shape[-1] :]
        logit, chosen, cams = _predict(stage, scopes, model, volumes, settings.grad_cams)
    by_id = pd.Series(logit, index=whole["id"])
    predictions = scans[["id", "patient", "label"]].assign(logit=by_id.reindex(scans["id"]).to_numpy())
    predictions["probability"] = model.calibration.probability(predictions["logit"].to_numpy())
    stage.write("predictions", predictions)
    stage.write_csv("submission", to_submission(predictions))
    stage.write("metrics", _metrics(stage, predictions))
    stage.write("grad_cam_scans", predictions.set_index("id").loc[whole["id"].iloc[chosen]].reset_index())
    stage.write("volumes", np.asarray(shown[chosen]))
    stage.write("cams", cams)
    if len(scans) <= FEW:
        for row in predictions.itertuples():
            stage.note(f"{row.id}: probability of {model.classes[1]} {row.probability:.4f}")


def requested_scans(stage: Stage, model: TrainedModel) -> pd.DataFrame:
    """The scans to be predicted, as `find_scans` gives them, labels meaning what they mean to the model.

    Raises:
        UserError: there is none.
    """
    found = find_scans(stage.data, model.min_readers)
    table, others = labels_of_classes(found, model.classes)
    for note in (*found.notes, *others):
        stage.note(note)
    table = table[table["requested"]] if table["requested"].any() else _new(table, model.training_scans)
    if table.empty:
        remedy = "Give a scan that it has not seen, or hold some out (features.test_share)"
        raise UserError(Fault(str(stage.data), "holds only scans that the model was trained on", remedy))
    return table.reset_index(drop=True)


def _new(table: pd.DataFrame, training_scans: frozenset[str]) -> pd.DataFrame:
    # A single scan lies in a folder of any name: it may have the name of a training scan.
    return table if len(table) == 1 else table[~table["id"].isin(training_scans)]


def _predict(
    stage: Stage, scopes: ExitStack, model: TrainedModel, volumes: np.ndarray, shown: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The logits of all volumes, the numbers of the most probable ones, and their Grad-CAM maps."""
    if not len(volumes):
        return np.empty(0), np.empty(0, np.int64), np.empty((0, *model.volumes.shape[:3]), np.float32)
    from pulmo.training.device import computing_on

    scopes.enter_context(computing_on(stage.device))
    logit = mean_logit(model.networks, volumes)
    chosen = np.argsort(-logit, kind="stable")[:shown]
    return logit, chosen, mean_grad_cam(model.networks, volumes[chosen])


def _metrics(stage: Stage, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row where the scans' labels are known, as those of a test set that we held out; else none."""
    known = predictions[predictions["label"].notna()]
    if known.empty:
        return pd.DataFrame({"set": pd.Series(dtype=object)})
    found = evaluate(*(known[name].to_numpy() for name in ("label", "probability", "patient")))
    stage.note(f"Held out as a test set: {in_words(found)}")
    return pd.DataFrame([{"set": "test", **found}])
