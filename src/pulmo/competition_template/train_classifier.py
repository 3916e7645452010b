"""Classifiers of whole images, one a fold → out-of-fold probabilities of the labels."""

import numpy as np

from pulmo.competition_template.settings import NetworkSettings
from pulmo.competition_template.submission import LABELS
from pulmo.pipeline.stage import Stage
from pulmo.training.cross_validation import cross_validate_networks
from pulmo.training.tasks import Dataset, LabelsTask


def run(stage: Stage, settings: NetworkSettings) -> None:
    """Write `models`, `history`, `description` (how to predict with the networks), and of the held-out images, in order
    of folds, `out_of_fold` (their rows of `features/labels`) and `probability`, float32 (rows, labels)."""
    labels = stage.read("features/labels")
    fold, patient = labels["fold"].to_numpy(), labels["patient"].to_numpy(str)
    dataset = Dataset({"image": stage.read("features/images")}, fold, patient=patient)
    task = LabelsTask(settings, labels[list(LABELS)].to_numpy(np.float32))
    result = cross_validate_networks(stage, dataset, task, settings.folds)
    result.write(stage)
    stage.write("description", {"tta_flip": settings.tta_flip})
    stage.write("out_of_fold", labels.iloc[result.rows].reset_index(drop=True))
    stage.write("probability", result.out_of_fold("probability"))
