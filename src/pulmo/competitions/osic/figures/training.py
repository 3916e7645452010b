"""OSIC's report page, training: how the network learned, and what each model counts for."""

from pulmo.pipeline.runner import Run, output
from pulmo.pipeline.stage import load
from pulmo.report.charts import value_bars
from pulmo.report.curves import draw_curves, final_values
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read


def losses(run: Run) -> Figure:
    """The network's loss over the epochs."""
    history = read(run, "train_cnn/history")
    if history.empty:
        raise CannotDrawError(
            "train_cnn/history", "no network was trained", "Give scans of enough patients to `features`"
        )
    return Figure(
        "Loss of the network on lung slices",
        f"{history['fold'].nunique()} folds, {history['epoch'].max() + 1} epochs; in the end "
        f"{final_values(history, 'loss')}.",
        draw_curves(history, "loss"),
        "Curves of the loss over the epochs, one a fold",
    )


def weights(run: Run) -> Figure:
    """What each model counts for in the ensemble."""
    record = load(output(run, "fit_ensemble/model") / "ensemble.json")
    found = record["weights"]
    most = max(found, key=found.get)
    return Figure(
        "Weights of the models",
        f"Fitted to forecasts of held-out patients by the metric; {most} counts most.",
        value_bars(found, "weight in the ensemble"),
        f"Bars: the weight of {', '.join(found)}",
    )


FIGURES: tuple[Draw, ...] = (losses, weights)
