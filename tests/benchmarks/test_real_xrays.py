"""Average precision as `benchmarks/real_xrays.py` has it, by hand."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pulmo.scoring.boxes import Boxes

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def real_xrays(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("real_xrays")


def boxes(*rows: tuple[int, float, float]) -> Boxes:
    """(image, left edge, confidence) of boxes 10 wide and 10 high."""
    image, left, confidence = (np.array(part) for part in zip(*rows, strict=True))
    size = np.full(len(left), 10.0)
    return Boxes(image.astype(np.int64), np.stack([left, 0 * left, size, size], 1).astype(float), confidence)


def test_average_precision_by_hand(real_xrays: ModuleType) -> None:
    truth = boxes((0, 0.0, 1.0), (0, 50.0, 1.0), (2, 0.0, 1.0))
    # In falling confidence: hit, miss (a second box on the same truth), miss (an empty image), hit; one box not found.
    predicted = boxes((0, 50.0, 0.4), (0, 1.0, 0.9), (0, 2.0, 0.8), (1, 0.0, 0.6))
    # Precision 1 up to a recall of 1/3, then 2/4 up to 2/3, then nothing.
    assert real_xrays.average_precision(truth, predicted) == pytest.approx((1 + 0.5) / 3)


def test_an_overlap_of_less_than_half_is_no_hit(real_xrays: ModuleType) -> None:
    truth = boxes((0, 0.0, 1.0))
    assert real_xrays.average_precision(truth, boxes((0, 3.0, 0.9))) == 1  # 7 of 13
    assert real_xrays.average_precision(truth, boxes((0, 4.0, 0.9))) == 0  # 6 of 14
    assert real_xrays.average_precision(truth, truth.take(np.zeros(0, np.int64))) == 0
