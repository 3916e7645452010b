"""ROC curves of several labels."""

from pathlib import Path

import numpy as np

from pulmo.blending.label_scores import LabelPredictions
from pulmo.report.roc import roc_panels, save_roc

PREDICTIONS = LabelPredictions(
    ("nodule", "rare"),
    np.array([[1, 0], [0, 0], [1, 0], [0, 0]]),
    np.array([[0.8, 0.1], [0.4, 0.2], [0.35, 0.3], [0.1, 0.4]]),
    np.array(["a", "b", "c", "d"]),
    np.array([0, 0, 1, 1]),
)


def test_a_curve_climbs_by_positives_and_goes_right_by_negatives() -> None:
    nodule, rare = (drawing.axes[0] for drawing in roc_panels(PREDICTIONS))
    assert nodule.get_title(loc="left") == "nodule\nAUC 0.750"
    points = np.asarray(nodule.lines[1].get_xydata())
    assert points.tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
    assert len(rare.lines) == 1  # the diagonal alone
    assert rare.get_title(loc="left") == "rare\nAUC nan"


def test_all_labels_in_one_file(tmp_path: Path) -> None:
    save_roc(PREDICTIONS, tmp_path / "roc.png")
    assert (tmp_path / "roc.png").read_bytes().startswith(b"\x89PNG")
