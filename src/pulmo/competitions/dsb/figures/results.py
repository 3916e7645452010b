"""The Data Science Bowl's report page, results: metrics, ROC curve, calibration and confusion matrix."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from pulmo.competitions.dsb.evaluation import confusion
from pulmo.competitions.dsb.figures.submission import BINS
from pulmo.pipeline.runner import Run
from pulmo.report.page import Figure
from pulmo.report.sections import Draw, read
from pulmo.report.style import BLUE, GREY, INK, ORANGE, SKY, VERMILION, panel
from pulmo.scoring.classification import auc, wilson_interval

_WHOLE = (-0.03, 1.03)  # probabilities, with room for the markers at both ends
KINDS = (("out of fold", "probability", BLUE), ("training", "learned_probability", ORANGE))


def metrics(run: Run) -> Figure:
    """Log loss, AUC and accuracy, out of fold and on training scans."""
    found = read(run, "fit_ensemble/metrics")
    tested = read(run, "predict/metrics")
    every = pd.concat([found, tested], ignore_index=True) if len(tested) else found
    unseen, training = (found.set_index("set").loc[name] for name in ("out of fold", "training"))
    table = pd.DataFrame(
        {
            "scans": every["set"],
            "count": every["scans"],
            "log loss": every["log_loss"],
            "± standard error": every["log_loss_error"],
            "AUC": every["auc"],
            "AUC, 95 %": [f"{row.auc_low:.3f}–{row.auc_high:.3f}" for row in every.itertuples()],
            "accuracy": every["accuracy"],
        }
    )
    return Figure(
        "Metrics",
        f"Out-of-fold accuracy is {unseen['accuracy']:.1%} (95 % interval {unseen['accuracy_low']:.1%}–"
        f"{unseen['accuracy_high']:.1%}), training accuracy {training['accuracy']:.1%}; only the former estimates "
        "performance on new patients.",
        table,
        "Table by set of scans: log loss with its standard error, AUC with its interval, accuracy",
    )


def roc(run: Run) -> Figure:
    """ROC curves, out of fold and on training scans."""
    held = read(run, "fit_ensemble/out_of_fold")
    label = held["label"].to_numpy()
    with panel(3.3, 3.2) as drawing:
        axes = drawing.subplots()
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for name, column, colour in KINDS:
            probability = held[column].to_numpy()
            rates, value = roc_curve(label, probability, drop_intermediate=False)[:2], auc(label, probability)
            axes.plot(*rates, color=colour, label=f"{name}, AUC {value:.3f}")
        axes.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
        axes.legend(loc="lower right", fontsize=8)
    false, true, _ = roc_curve(label, held["probability"].to_numpy(), drop_intermediate=False)
    return Figure(
        "ROC",
        f"AUC {auc(label, held['probability'].to_numpy()):.3f} out of fold; sensitivity is "
        f"{true[false <= 0.1].max():.0%} at a false positive rate of 10 %.",
        drawing,
        "ROC curves, out of fold and training",
    )


def calibration(run: Run) -> Figure:
    """Observed frequency by predicted probability."""
    held = read(run, "fit_ensemble/out_of_fold").sort_values("probability")
    with panel(3.3, 3.2) as drawing:
        axes = drawing.subplots()
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        outside = 0
        for part in np.array_split(np.arange(len(held)), min(BINS, len(held))):
            rows = held.iloc[part]
            predicted, observed = rows["probability"].mean(), rows["label"].mean()
            low, high = wilson_interval(int(rows["label"].sum()), len(rows))
            outside += not low <= predicted <= high
            axes.errorbar(
                predicted,
                observed,
                [[max(0, observed - low)], [max(0, high - observed)]],
                fmt="o",
                color=BLUE,
                capsize=3,
            )
        axes.set(xlabel="predicted probability", ylabel="observed frequency", aspect="equal", xlim=_WHOLE, ylim=_WHOLE)
    gap = held["probability"].mean() - held["label"].mean()
    return Figure(
        "Calibration",
        f"Scans in {min(BINS, len(held))} bins of equal size by predicted probability, with 95 % intervals; {outside} "
        f"intervals do not cover the diagonal. Mean predicted probability {held['probability'].mean():.3f}, observed "
        f"{held['label'].mean():.3f} (difference {gap:+.3f}).",
        drawing,
        "Calibration curve: observed frequency against predicted probability, with intervals",
    )


def confusion_matrix(run: Run) -> Figure:
    """The confusion matrix, out of fold."""
    held, classes = read(run, "fit_ensemble/out_of_fold"), read(run, "features/description")["classes"]
    found = confusion(held["label"].to_numpy(), held["probability"].to_numpy())
    table = [[found.true_negative, found.false_positive], [found.false_negative, found.true_positive]]
    with panel(3.3, 2.6) as drawing:
        axes = drawing.subplots()
        for row, truth in enumerate(table):
            for column, count in enumerate(truth):
                low, high = wilson_interval(count, sum(truth))
                share = count / max(1, sum(truth))
                axes.text(
                    column, row, f"{count}\n{share:.0%} ({low:.0%}–{high:.0%})", ha="center", va="center", color=INK
                )
                axes.fill_between(
                    [column - 0.5, column + 0.5],
                    row - 0.5,
                    row + 0.5,
                    color=SKY if row == column else VERMILION,
                    alpha=0.1 + 0.4 * share,
                    linewidth=0,
                )
        axes.set(xlim=(-0.5, 1.5), ylim=(1.5, -0.5), xlabel="predicted", ylabel="true")
        axes.set_xticks([0, 1], classes, color=INK)
        axes.set_yticks([0, 1], classes, color=INK, rotation=90, va="center")
        axes.grid(visible=False)
    low, high = wilson_interval(found.true_positive, found.true_positive + found.false_negative)
    positives, negatives = (sum(truth) for truth in (table[1], table[0]))
    return Figure(
        "Confusion matrix",
        f"At a threshold of 0.5, {found.true_positive} of {positives} {classes[1]!r} are predicted correctly (95 % "
        f"interval {low:.0%}–{high:.0%}), and {found.false_positive} of {negatives} {classes[0]!r} are false "
        "positives.",
        drawing,
        f"Confusion matrix, {classes[0]} and {classes[1]}: {table[0]}, {table[1]}",
    )


FIGURES: tuple[Draw, ...] = (metrics, roc, calibration, confusion_matrix)
