"""How networks learned: a training's curves, epoch by epoch, one line a fold."""

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from pulmo.report.style import BLUE, ORANGE, panel


class Curve(NamedTuple):
    """A column of a training's history and its name in the legend; without `name` it has no say there."""

    column: str
    name: str


LOSS = (Curve("loss", "learned from"), Curve("validation_loss", "held out"))
COLOURS = (ORANGE, BLUE)


def curves(history: pd.DataFrame, label: str, drawn: tuple[Curve, ...] = LOSS) -> Drawing:
    """Curves over the epochs, at most two, those of a kind in one colour; columns that are empty are left out.

    Args:
        history: `fold`, `epoch` (from 0) and the curves' columns.
        label: of the vertical axis.
        drawn: which columns.
    """
    with panel(4, 2.8) as drawing:
        axes = drawing.subplots()
        for curve, colour in zip(drawn, COLOURS, strict=False):
            known = history[history[curve.column].notna()]
            for number, (_, rows) in enumerate(known.groupby("fold")):
                name = None if number else f"{curve.name}, a line a fold"
                marker = "o" if len(rows) == 1 else None
                axes.plot(rows["epoch"] + 1, rows[curve.column], color=colour, alpha=0.8, label=name, marker=marker)
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8)
    return drawing
