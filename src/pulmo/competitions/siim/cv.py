"""The competition's protocol: out-of-fold X-rays, thresholds fitted on the other folds, mean Dice.

The fitted thresholds are added one by one; the gain of each variant on the one before is paired, image by image, with
its error by bootstrap over patients.
"""

from typing import Any

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import compare_means
from pulmo.competitions.siim.fit_ensemble import cross_fit, mean_of, read_out_of_fold
from pulmo.competitions.siim.settings import Settings
from pulmo.competitions.siim.thresholds import Choices, PixelCounts
from pulmo.pipeline.stage import Stage

HALF = 0.5
ENSEMBLE = "thresholds, minimum area and presence threshold"


def run(stage: Stage, settings: Settings) -> None:
    """Write `images` (Dice of every out-of-fold X-ray, one column a variant), the `table` of means, and `scores`."""
    held, counts = read_out_of_fold(stage)
    scores = variants(counts, held["fold"].to_numpy(), Choices(**settings.fit_ensemble.model_dump()))
    table = score_table(scores, held)
    stage.write("images", pd.concat([held[["image", "patient", "fold", "area", "view", "sex"]], scores], axis=1))
    stage.write("table", table)
    stage.write("scores", _scores(table, held))


def variants(counts: PixelCounts, fold: np.ndarray, choices: Choices) -> pd.DataFrame:
    """The Dice of each image, from predicting no pneumothorax everywhere to all fitted thresholds; simplest first."""
    one_level = Choices((0.0,), (0.0,), choices.mask_threshold, (0.0,))
    return pd.DataFrame(
        {
            "no pneumothorax everywhere": np.asarray(counts.true == 0, np.float64),
            "pixels of probability one half": cross_fit(counts, fold, Choices((0.0,), (0.0,), (HALF,), (0.0,))),
            "one threshold, fitted": cross_fit(counts, fold, one_level),
            "two thresholds and minimum area": cross_fit(counts, fold, choices._replace(classifier_threshold=(0.0,))),
            ENSEMBLE: cross_fit(counts, fold, choices),
        }
    )


def score_table(scores: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """One row a variant: `variant`, mean `dice` and its `error`, its `gain` on the variant before and the `gain error`,
    and the means of X-rays `with pneumothorax` and `without`."""
    patients, positive = held["patient"].to_numpy(), (held["area"] > 0).to_numpy()
    rows = []
    before = scores.iloc[:, 0].to_numpy()
    for variant in scores:
        values = scores[variant].to_numpy()
        dice, gain = compare_means(values, before, patients)
        rows.append(
            {
                "variant": variant,
                "dice": dice.value,
                "error": dice.standard_error,
                "gain": gain.value,
                "gain error": gain.standard_error,
                "with pneumothorax": mean_of(values[positive]),
                "without": mean_of(values[~positive]),
            }
        )
        before = values
    return pd.DataFrame(rows)


def _scores(table: pd.DataFrame, held: pd.DataFrame) -> dict[str, Any]:
    """What goes into `score.json`."""
    best = table.set_index("variant").loc[ENSEMBLE]
    return {
        "score": float(best["dice"]),
        "standard_error": float(best["error"]),
        "protocol": f"{held['fold'].nunique()} folds by patient, thresholds fitted on the other folds; gain: on the "
        "variant before, paired; errors: bootstrap by patient",
        "images": len(held),
        "variants": table.to_dict("records"),
    }
