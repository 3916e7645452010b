"""The Data Science Bowl's report page, training: learning curves."""

from pulmo.pipeline.runner import Run
from pulmo.report.curves import draw_curves, final_values
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read


def loss(run: Run) -> Figure:
    """Loss of each fold's network."""
    return _curves(run, "loss", "Loss", "lower is better")


def accuracy(run: Run) -> Figure:
    """Accuracy of each fold's network."""
    return _curves(run, "accuracy", "Accuracy", "higher is better")


def _curves(run: Run, measure: str, title: str, note: str) -> Figure:
    history = read(run, "train_cnn/history")
    return Figure(
        title,
        f"{history['fold'].nunique()} networks, {int(history['epoch'].max()) + 1} epochs, {note}; final values: "
        f"{final_values(history, measure)}. Diverging curves indicate overfitting.",
        draw_curves(history, measure),
        f"{title} by epoch, training and validation, one line per fold",
    )


FIGURES: tuple[Draw, ...] = (loss, accuracy)
