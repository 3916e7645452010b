"""RSNA's report page, training: learning curves of each family of networks."""

from pulmo.pipeline.runner import Run
from pulmo.report.curves import draw_curves, final_values
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read

FAMILIES = {
    "segmenter": "segment box masks, the report's method",
    "detector": "detect boxes",
    "classifier": "classify images with and without pneumonia",
    "lungs": "segment the lungs",
}


def segmenter(run: Run) -> Figure:
    """Segmentation networks."""
    return _family(run, "segmenter")


def detector(run: Run) -> Figure:
    """Detection networks."""
    return _family(run, "detector")


def classifier(run: Run) -> Figure:
    """Classification networks."""
    return _family(run, "classifier")


def lungs(run: Run) -> Figure:
    """Lung segmentation networks."""
    return _family(run, "lungs")


def _family(run: Run, name: str) -> Figure:
    history = read(run, f"train_{name}/history")
    if history.empty:
        raise CannotDrawError(f"train_{name}", "has no trained network", f"Set train_{name}.folds")
    measures = [measure for measure in ("loss", "dice") if measure in history]
    words = "; ".join(f"{measure} {final_values(history, measure)}" for measure in measures)
    return Figure(
        f"{name.capitalize()}: {' and '.join(measures)}",
        f"{history['fold'].nunique()} networks that {FAMILIES[name]}, {int(history['epoch'].max()) + 1} epochs; final "
        f"values: {words}.",
        [draw_curves(history, measure) for measure in measures],
        f"{' and '.join(measures)} by epoch, training and validation, one line per fold",
    )


FIGURES: tuple[Draw, ...] = (segmenter, detector, classifier, lungs)
