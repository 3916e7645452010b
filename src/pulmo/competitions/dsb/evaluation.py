"""Log loss, AUC, accuracy and confusion matrix of probabilities, with confidence intervals."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix

from pulmo.blending.bootstrap import bootstrap, bootstrap_mean
from pulmo.scoring.classification import auc, wilson_interval
from pulmo.scoring.log_loss import log_loss

THRESHOLD = 0.5


class Confusion(NamedTuple):
    """The counts of a confusion matrix."""

    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int


def confusion(label: np.ndarray, probability: np.ndarray) -> Confusion:
    """The confusion matrix of labels 0 or 1, (rows,), at a threshold of one half, which counts as positive."""
    counts = confusion_matrix(label == 1, probability >= THRESHOLD, labels=[False, True])
    (true_negative, false_positive), (false_negative, true_positive) = counts.tolist()
    return Confusion(true_positive, false_negative, false_positive, true_negative)


def evaluate(label: np.ndarray, probability: np.ndarray, patient: np.ndarray) -> dict[str, Any]:
    """The metrics of one set of scans.

    Args:
        label: 0 or 1, (scans,).
        probability: of a 1, (scans,).
        patient: of each scan, (scans,); the bootstrap draws patients.

    Returns:
        `scans`, `positives`; `log_loss` with its `log_loss_error`; `auc` with `auc_low`, `auc_high` (95 %, bootstrap),
        None where there is one class alone; `accuracy` with `accuracy_low`, `accuracy_high`, likewise `sensitivity` and
        `specificity` (95 %, Wilson, as if scans were patients); and the four cells of `Confusion`.
    """
    loss = bootstrap_mean(log_loss(label, probability), patient)
    cells = confusion(label, probability)
    shares = {
        "accuracy": (cells.true_positive + cells.true_negative, len(label)),
        "sensitivity": (cells.true_positive, cells.true_positive + cells.false_negative),
        "specificity": (cells.true_negative, cells.true_negative + cells.false_positive),
    }
    found: dict[str, Any] = {
        "scans": len(label),
        "positives": int(np.sum(label)),
        "log_loss": loss.value,
        "log_loss_error": loss.standard_error,
        **_auc(label, probability, patient),
    }
    for name, (hits, count) in shares.items():
        low, high = wilson_interval(hits, count)
        found |= {name: hits / count if count else None, f"{name}_low": low, f"{name}_high": high}
    return found | cells._asdict()


def in_words(metrics: dict[str, Any]) -> str:
    """One line of `evaluate`'s numbers."""
    parts = [f"log loss {metrics['log_loss']:.3f} ± {metrics['log_loss_error']:.3f}"]
    if metrics["auc"] is not None:
        parts.append(f"AUC {metrics['auc']:.3f} ({metrics['auc_low']:.3f}–{metrics['auc_high']:.3f})")
    parts.append(
        f"accuracy {metrics['accuracy']:.1%} ({metrics['accuracy_low']:.1%}–{metrics['accuracy_high']:.1%}), "
        f"of {metrics['positives']} positives {metrics['true_positive']} found, "
        f"of {metrics['scans'] - metrics['positives']} negatives {metrics['false_positive']} called positive"
    )
    return ", ".join(parts)


def _auc(label: np.ndarray, probability: np.ndarray, patient: np.ndarray) -> dict[str, float | None]:
    if len(np.unique(label)) < 2:
        return dict.fromkeys(("auc", "auc_low", "auc_high"))
    found = bootstrap(lambda rows: auc(label[rows], probability[rows]), patient)
    return {"auc": found.value, "auc_low": found.low, "auc_high": found.high}
