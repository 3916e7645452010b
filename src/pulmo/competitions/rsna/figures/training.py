"""RSNA's report page, training: how each family of networks learned."""

from pulmo.pipeline.runner import Run
from pulmo.report.curves import draw_curves, final_values
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read

FAMILIES = {
    "segmenter": "outline boxes as masks, the report's way",
    "detector": "say where boxes are",
    "classifier": "say whether there is pneumonia at all",
    "lungs": "outline the lungs",
}


def segmenter(run: Run) -> Figure:
    """The networks that outline."""
    return _family(run, "segmenter")


def detector(run: Run) -> Figure:
    """The networks made for boxes."""
    return _family(run, "detector")


def classifier(run: Run) -> Figure:
    """The networks that say whether there is anything."""
    return _family(run, "classifier")


def lungs(run: Run) -> Figure:
    """The networks that outline lungs."""
    return _family(run, "lungs")


def _family(run: Run, name: str) -> Figure:
    history = read(run, f"train_{name}/history")
    if history.empty:
        raise CannotDrawError(f"train_{name}", "has trained no network", f"Set train_{name}.folds")
    measures = [measure for measure in ("loss", "dice") if measure in history]
    words = "; ".join(f"{measure} {final_values(history, measure)}" for measure in measures)
    return Figure(
        f"{name.capitalize()}: {' and '.join(measures)}",
        f"{history['fold'].nunique()} networks that {FAMILIES[name]}, {int(history['epoch'].max()) + 1} epochs; in the "
        f"end {words}.",
        [draw_curves(history, measure) for measure in measures],
        f"{' and '.join(measures)} by epoch, a line a fold, of what is learned from and of what is held out",
    )


FIGURES: tuple[Draw, ...] = (segmenter, detector, classifier, lungs)
