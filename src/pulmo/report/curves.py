"""How networks learned: a number of every fold's epochs, on what they learn from and on what is held out."""

import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from pulmo.report.style import BLUE, GREY, ORANGE, panel

MONITORED = "monitored_"


def draw_curves(history: pd.DataFrame, measure: str, title: str = "") -> Drawing:
    """A line a fold; those of what is held out are of the averaged weights, which are the network in the end.

    Args:
        history: see `training.loop.Trainer.fit`, with `fold`.
        measure: `loss`, `dice` …: a column, and one of it MONITORED.
        title: above it.
    """
    with panel(3.6, 2.7) as drawing:
        axes = drawing.subplots()
        for column, label, colour in ((measure, "learned from", ORANGE), (MONITORED + measure, "held out", BLUE)):
            if column not in history or history[column].isna().all():
                continue
            for number, (_, rows) in enumerate(history.groupby("fold")):
                name = None if number else label
                axes.plot(rows["epoch"] + 1, rows[column], color=colour, linewidth=1.2, alpha=0.8, label=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel=measure, title=title)
        axes.tick_params(colors=GREY)
        axes.legend()
    return drawing


def last_words(history: pd.DataFrame, measure: str) -> str:
    """The last epochs' means over folds, in words: "0.123 of what they learn from, 0.234 of what is held out"."""
    last = history.loc[history.groupby("fold")["epoch"].idxmax()]
    words = f"{last[measure].mean():.3f} of what they learn from"
    held_out = last.get(MONITORED + measure, pd.Series(dtype=float)).mean()
    return words if pd.isna(held_out) else f"{words}, {held_out:.3f} of what is held out"
