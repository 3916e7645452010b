"""OSIC's report page, training: learning curves, and the ensemble's weights."""

from pulmo.pipeline.runner import Run, output
from pulmo.pipeline.stage import load
from pulmo.report.charts import value_bars
from pulmo.report.curves import draw_curves, final_values
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read


def losses(run: Run) -> Figure:
    """The network's loss by epoch."""
    history = read(run, "train_cnn/history")
    if history.empty:
        raise CannotDrawError(
            "train_cnn/history", "no network was trained", "Give scans of enough patients to `features`"
        )
    return Figure(
        "Loss of the network on lung slices",
        f"{history['fold'].nunique()} folds, {history['epoch'].max() + 1} epochs; final loss: "
        f"{final_values(history, 'loss')}.",
        draw_curves(history, "loss"),
        "Loss by epoch, training and validation, one line per fold",
    )


def weights(run: Run) -> Figure:
    """Weights of the models in the ensemble."""
    record = load(output(run, "fit_ensemble/model") / "ensemble.json")
    found = record["weights"]
    largest = max(found, key=found.get)
    return Figure(
        "Ensemble weights",
        f"Fitted to out-of-fold predictions by the metric; {largest} has the largest weight.",
        value_bars(found, "weight in the ensemble"),
        f"Bars: the weight of {', '.join(found)}",
    )


FIGURES: tuple[Draw, ...] = (losses, weights)
