"""Learning curves: loss and metrics of every fold by epoch, on training and validation data."""

import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from pulmo.report.style import BLUE, GREY, ORANGE, legend_above, panel

MONITORED = "monitored_"


def draw_curves(history: pd.DataFrame, measure: str, title: str = "") -> Drawing:
    """Training and validation curves, one line per fold; validation is of the averaged weights, which are saved.

    Args:
        history: a row per epoch with `fold` and `epoch`, as the training loop writes it.
        measure: a column, `loss`, `dice` …; the validation column has the prefix MONITORED.
        title: of the figure.
    """
    with panel(3.6, 2.7) as drawing:
        axes = drawing.subplots()
        for column, label, colour in ((measure, "training", ORANGE), (MONITORED + measure, "validation", BLUE)):
            if column not in history or history[column].isna().all():
                continue
            for number, (_, rows) in enumerate(history.groupby("fold")):
                name = None if number else label
                axes.plot(rows["epoch"] + 1, rows[column], color=colour, linewidth=1.2, alpha=0.8, label=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel=measure, title=title)
        axes.tick_params(colors=GREY)
        legend_above(axes, columns=2)
    return drawing


def final_values(history: pd.DataFrame, measure: str) -> str:
    """The last epochs' means over folds: "training 0.123, validation 0.234"."""
    last = history.loc[history.groupby("fold")["epoch"].idxmax()]
    training = f"training {last[measure].mean():.3f}"
    validation = last.get(MONITORED + measure, pd.Series(dtype=float)).mean()
    return training if pd.isna(validation) else f"{training}, validation {validation:.3f}"
