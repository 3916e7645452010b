"""Figures: `draw`, those beside a submission, and one module of FIGURES per section of the report page."""

from pathlib import Path

from pulmo.blending.label_scores import LabelPredictions
from pulmo.competition_template.submission import LABELS
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.stage import load
from pulmo.report.roc import save_roc


def draw(paths: RunPaths) -> list[Path]:
    """Draw the ROC curves, if the networks are trained; the file's path."""
    trained = paths.stage("train_classifier")
    if not trained.is_dir():
        return []
    held, probability = load(trained / "out_of_fold.parquet"), load(trained / "probability.npy")
    path = paths.out / "figures" / "roc.png"
    save_roc(LabelPredictions.of(held, probability, LABELS), path)
    return [path]
