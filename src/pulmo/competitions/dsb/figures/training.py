"""The Data Science Bowl's report page, training: how the networks learned."""

from pulmo.pipeline.runner import Run
from pulmo.report.curves import draw_curves, final_values
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read


def loss(run: Run) -> Figure:
    """The loss of each fold's network."""
    return _curves(run, "loss", "Loss", "lower is better")


def accuracy(run: Run) -> Figure:
    """The accuracy of each fold's network."""
    return _curves(run, "accuracy", "Accuracy", "higher is better")


def _curves(run: Run, measure: str, title: str, note: str) -> Figure:
    history = read(run, "train_cnn/history")
    return Figure(
        title,
        f"{history['fold'].nunique()} networks, {int(history['epoch'].max()) + 1} epochs, {note}: in the end "
        f"{final_values(history, measure)}. Where the lines part, the networks learn their scans by heart.",
        draw_curves(history, measure),
        f"{title} by epoch, a line a fold, of what is learned from and of what is held out",
    )


FIGURES: tuple[Draw, ...] = (loss, accuracy)
