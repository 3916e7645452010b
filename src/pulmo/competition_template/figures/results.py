"""The report page, results: ROC curves."""

from pulmo.blending.label_scores import LabelPredictions
from pulmo.competition_template.submission import LABELS
from pulmo.pipeline.runner import Run
from pulmo.report.page import Figure
from pulmo.report.roc import roc_panels
from pulmo.report.sections import Draw, read


def roc(run: Run) -> Figure:
    """ROC curve of each label."""
    held, probability = read(run, "train_classifier/out_of_fold"), read(run, "train_classifier/probability")
    estimate = read(run, "fit_ensemble/estimate")
    return Figure(
        "ROC curves",
        f"{len(held):,} held-out images of {held['patient'].nunique():,} patients: mean AUC {estimate['score']:.4f} ± "
        f"{estimate['standard_error']:.4f}.",
        roc_panels(LabelPredictions.of(held, probability, LABELS)),
        "ROC curves, out of fold: " + ", ".join(f"{name} {area:.3f}" for name, area in estimate["parts"].items()),
    )


FIGURES: tuple[Draw, ...] = (roc,)
