"""SIIM's report page, training: learning curves."""

from pulmo.pipeline.runner import Run
from pulmo.report.curves import draw_curves, final_values
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read


def loss(run: Run) -> Figure:
    """Loss of each fold's network."""
    return _curves(run, "loss", "Loss", "lower is better")


def dice(run: Run) -> Figure:
    """Dice of each fold's network."""
    image_table = read(run, "features/image_table")
    empty = (image_table.loc[image_table["fold"] >= 0, "area"] == 0).mean()
    note = f"at a threshold of 0.5, before thresholds are fitted (empty masks have {empty:.2f})"
    return _curves(run, "dice", "Dice", note)


def _curves(run: Run, measure: str, title: str, note: str) -> Figure:
    history = read(run, "train_segmenter/history")
    networks, epochs = history["fold"].nunique(), int(history["epoch"].max()) + 1
    return Figure(
        title,
        f"{networks} networks, {epochs} epochs; {note}. Final values: {final_values(history, measure)}; they are not "
        "used for selection.",
        draw_curves(history, measure),
        f"{title} by epoch, training and validation, one line per fold",
    )


FIGURES: tuple[Draw, ...] = (loss, dice)
