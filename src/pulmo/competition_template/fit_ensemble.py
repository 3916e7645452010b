"""Out-of-fold probabilities → the estimate of the score, and `model/`: the mean over the folds' networks."""

from pulmo.blending.fold_scores import far_worse
from pulmo.blending.label_scores import LabelPredictions, mean_auc_estimate
from pulmo.competition_template import COMPETITION
from pulmo.competition_template.submission import LABELS
from pulmo.pipeline.model_folder import Source, write_model
from pulmo.pipeline.settings import Section
from pulmo.pipeline.stage import Stage


def run(stage: Stage, settings: Section) -> None:
    """Write `model` and `estimate`. `ensemble.json` holds the images' format, the estimate, and the `prevalence` of
    each label, which is predicted for images that cannot be read."""
    held, probability = stage.read("train_classifier/out_of_fold"), stage.read("train_classifier/probability")
    estimate = mean_auc_estimate(LabelPredictions.of(held, probability, LABELS))
    for note in far_worse(estimate["folds"], COMPETITION.metric, COMPETITION.greater_is_better):
        stage.note(note)
    prevalence = held[list(LABELS)].mean().to_dict()
    record = {**stage.read("features/description"), "prevalence": prevalence, "estimate": estimate}
    tta_flip = stage.read("train_classifier/description")["tta_flip"]
    classifier = Source(stage.input("train_classifier/models"), tta_flip)
    write_model(stage.folder("model"), COMPETITION.name, record, {"classifier": classifier})
    stage.write("estimate", estimate)
