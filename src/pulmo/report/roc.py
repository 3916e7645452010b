"""ROC curves of several labels, a small panel each: on the report page, or as one figure beside a submission."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from pulmo.blending.label_scores import LabelPredictions
from pulmo.report.style import BLUE, GREY, figure, panel
from pulmo.scoring.classification import auc

_COLUMNS = 4
_INCHES = 2.2


def roc_panels(predictions: LabelPredictions) -> list[Drawing]:
    """A panel a label, titled by its name and AUC; of a label that all rows have, or none, the panel has no curve."""
    panels = []
    for column in range(len(predictions.names)):
        with panel(_INCHES, _INCHES) as drawing:
            _draw(drawing.subplots(), predictions, column)
        panels.append(drawing)
    return panels


def save_roc(predictions: LabelPredictions, path: Path) -> None:
    """The panels of all labels in one figure."""
    columns = min(_COLUMNS, len(predictions.names))
    rows = -(-len(predictions.names) // columns)
    with figure(_INCHES * columns, _INCHES * rows + 0.3, path) as drawing:
        for number, axes in enumerate(drawing.subplots(rows, columns, squeeze=False).flat):
            if number < len(predictions.names):
                _draw(axes, predictions, number)
            else:
                axes.set_axis_off()


def _draw(axes: Axes, predictions: LabelPredictions, column: int) -> None:
    from sklearn.metrics import roc_curve

    label, probability = predictions.label[:, column], predictions.probability[:, column]
    area = auc(label, probability)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    if not np.isnan(area):
        axes.plot(*roc_curve(label, probability, drop_intermediate=False)[:2], color=BLUE)
    axes.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    axes.set_title(f"{predictions.names[column]}\nAUC {area:.3f}", fontsize=8)
    axes.tick_params(labelsize=7)
