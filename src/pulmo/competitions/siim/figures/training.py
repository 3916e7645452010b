"""SIIM's report page, training: how the networks learned."""

from pulmo.pipeline.runner import Run
from pulmo.report.curves import draw_curves, final_values
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read


def loss(run: Run) -> Figure:
    """The loss of each fold's network."""
    return _curves(run, "loss", "Loss", "lower is better")


def dice(run: Run) -> Figure:
    """Dice of each fold's network."""
    x_rays = read(run, "features/x_rays")
    empty = (x_rays.loc[x_rays["fold"] >= 0, "area"] == 0).mean()
    note = (
        f"of pixels likelier than not, before thresholds are fitted (saying nothing of any picture gives {empty:.2f})"
    )
    return _curves(run, "dice", "Dice", note)


def _curves(run: Run, measure: str, title: str, note: str) -> Figure:
    history = read(run, "train_segmenter/history")
    networks, epochs = history["fold"].nunique(), int(history["epoch"].max()) + 1
    return Figure(
        title,
        f"{networks} networks, {epochs} epochs; {note}. In the end: {final_values(history, measure)}; nothing is "
        "chosen by it.",
        draw_curves(history, measure),
        f"{title} by epoch, a line a fold, of what is learned from and of what is held out",
    )


FIGURES: tuple[Draw, ...] = (loss, dice)
