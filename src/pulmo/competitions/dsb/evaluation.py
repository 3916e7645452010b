"""How good probabilities are, in numbers with their uncertainty: log loss, AUC, accuracy, the confusion matrix."""

from typing import Any

import numpy as np

from pulmo.blending.bootstrap import bootstrap_mean
from pulmo.scoring.classification import accuracy, auc, confusion, wilson_interval
from pulmo.scoring.log_loss import log_loss

DRAWS = 1000
TAIL = 0.025


def evaluate(label: np.ndarray, probability: np.ndarray, patient: np.ndarray) -> dict[str, Any]:
    """All there is to say about one set of scans.

    Args:
        label: 0 or 1, (scans,).
        probability: of a 1, (scans,).
        patient: of each scan, (scans,): patients are drawn again, never scans.

    Returns:
        `scans`, `positives`; `log_loss` with its `log_loss_error`; `auc` with `auc_low`, `auc_high` (95 %, bootstrap),
        None where there is one class alone; `accuracy` with `accuracy_low`, `accuracy_high`, likewise `sensitivity` and
        `specificity` (95 %, Wilson, as if scans were patients); and the four cells of `Confusion`.
    """
    loss = bootstrap_mean(log_loss(label, probability), patient)
    cells = confusion(label, probability)
    shares = {
        "accuracy": (int(accuracy(label, probability).sum()), len(label)),
        "sensitivity": (cells.true_positive, cells.true_positive + cells.false_negative),
        "specificity": (cells.true_negative, cells.true_negative + cells.false_positive),
    }
    found: dict[str, Any] = {
        "scans": len(label),
        "positives": int(np.sum(label)),
        "log_loss": loss.mean,
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
    value = auc(label, probability)
    if np.isnan(value):
        return dict.fromkeys(("auc", "auc_low", "auc_high"))
    names, of_scan = np.unique(patient, return_inverse=True)
    scans_of = [np.flatnonzero(of_scan == place) for place in range(len(names))]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        scans = np.concatenate([scans_of[place] for place in rng.integers(len(names), size=len(names))])
        drawn.append(auc(label[scans], probability[scans]))
    low, high = np.nanquantile(drawn, [TAIL, 1 - TAIL]).tolist()
    return {"auc": value, "auc_low": low, "auc_high": high}
