"""The competition's protocol: the AUC of each label, out of fold, with its error by bootstrap over patients."""

from pulmo.blending.label_scores import LabelPredictions, auc_table, mean_auc_estimate
from pulmo.competition_template.settings import Settings
from pulmo.competition_template.submission import LABELS
from pulmo.pipeline.stage import Stage


def run(stage: Stage, settings: Settings) -> None:
    """Write the `table` of AUCs and `scores`, which go into `score.json`."""
    held, probability = stage.read("train_classifier/out_of_fold"), stage.read("train_classifier/probability")
    predictions = LabelPredictions.of(held, probability, LABELS)
    stage.write("table", auc_table(predictions))
    protocol = f"{held['fold'].nunique()} folds by patient; errors: bootstrap over patients"
    stage.write("scores", {**mean_auc_estimate(predictions), "protocol": protocol})
