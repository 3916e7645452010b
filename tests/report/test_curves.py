"""Learning curves, and their final values."""

import numpy as np
import pandas as pd

from pulmo.report.curves import draw_curves, final_values

HISTORY = pd.DataFrame(
    {
        "fold": [0, 0, 1, 1],
        "epoch": [0, 1, 0, 1],
        "loss": [1.0, 0.5, 0.8, 0.3],
        "monitored_loss": [1.2, 0.7, 1.1, 0.8],
    }
)


def test_one_training_and_one_validation_line_per_fold() -> None:
    axes = draw_curves(HISTORY, "loss").axes[0]
    drawn = [np.asarray(line.get_ydata()).tolist() for line in axes.lines]
    assert drawn == [[1.0, 0.5], [0.8, 0.3], [1.2, 0.7], [1.1, 0.8]]
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [1, 2]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]


def test_final_values_are_means_over_folds() -> None:
    assert final_values(HISTORY, "loss") == "training 0.400, validation 0.750"


def test_without_validation_only_training_is_drawn() -> None:
    history = HISTORY.assign(monitored_loss=np.nan)
    assert len(draw_curves(history, "loss").axes[0].lines) == 2
    assert final_values(history, "loss") == "training 0.400"
