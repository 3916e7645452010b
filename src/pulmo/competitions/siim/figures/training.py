"""SIIM's report page, training: how the networks learned."""

from pulmo.pipeline.runner import Run
from pulmo.report.curves import draw_curves, last_words
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read


def loss(run: Run) -> Figure:
    """The loss of each fold's network."""
    return _curves(run, "loss", "Loss", "lower is better")


def dice(run: Run) -> Figure:
    """Dice of each fold's network."""
    note = "higher is better; at network size, of pixels likelier than not, before any threshold is fitted"
    return _curves(run, "dice", "Dice", note)


def _curves(run: Run, measure: str, title: str, note: str) -> Figure:
    history = read(run, "train_segmenter/history")
    networks, epochs = history["fold"].nunique(), int(history["epoch"].max()) + 1
    return Figure(
        title,
        f"{networks} networks, {epochs} epochs, {note}: in the end {last_words(history, measure)}. Pictures with air "
        "are shown more often at first, and what is held out is never chosen by.",
        draw_curves(history, measure),
        f"{title} by epoch, a line a fold, of what is learned from and of what is held out",
    )


FIGURES: tuple[Draw, ...] = (loss, dice)
