"""Curves of epochs, and what is said of their ends."""

import numpy as np
import pandas as pd

from pulmo.report.curves import draw_curves, last_words

HISTORY = pd.DataFrame(
    {
        "fold": [0, 0, 1, 1],
        "epoch": [0, 1, 0, 1],
        "loss": [1.0, 0.5, 0.8, 0.3],
        "monitored_loss": [1.2, 0.7, 1.1, 0.8],
    }
)


def test_a_line_a_fold_of_what_is_learned_from_and_of_what_is_held_out() -> None:
    axes = draw_curves(HISTORY, "loss").axes[0]
    drawn = [np.asarray(line.get_ydata()).tolist() for line in axes.lines]
    assert drawn == [[1.0, 0.5], [0.8, 0.3], [1.2, 0.7], [1.1, 0.8]]
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [1, 2]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["learned from", "held out"]


def test_the_last_epochs_means_are_told() -> None:
    assert last_words(HISTORY, "loss") == "0.400 of what they learn from, 0.750 of what is held out"


def test_without_anything_held_out_nothing_is_said_of_it() -> None:
    history = HISTORY.assign(monitored_loss=np.nan)
    assert len(draw_curves(history, "loss").axes[0].lines) == 2
    assert last_words(history, "loss") == "0.400 of what they learn from"
