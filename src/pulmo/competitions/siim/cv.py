"""The competition's protocol: X-rays of patients held out, thresholds fitted on the other folds, Kaggle's own Dice.

What each step gains on the one before it is told paired, picture by picture, its error by bootstrap over patients.
"""

from typing import Any

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import bootstrap_mean
from pulmo.competitions.siim.fit_ensemble import cross_fit, mean_of, read_out_of_fold
from pulmo.competitions.siim.settings import Settings
from pulmo.competitions.siim.thresholds import Choices, PixelCounts
from pulmo.pipeline.stage import Stage

HALF = 0.5
ENSEMBLE = "thresholds, least area and gate"


def run(stage: Stage, settings: Settings) -> None:
    """Write `images` (Dice of every X-ray held out, a column a way), the `table` of means, and `scores` as JSON."""
    held, counts = read_out_of_fold(stage)
    scores = ways(counts, held["fold"].to_numpy(), Choices(**settings.fit_ensemble.model_dump()))
    table = score_table(scores, held)
    stage.write("images", pd.concat([held[["image", "patient", "fold", "area", "view", "sex"]], scores], axis=1))
    stage.write("table", table)
    stage.write("scores", _scores(table, held))


def ways(counts: PixelCounts, fold: np.ndarray, choices: Choices) -> pd.DataFrame:
    """What each picture scores, from saying nothing to all that is fitted; the simplest first."""
    one_level = Choices((0.0,), (0.0,), choices.mask_threshold, (0.0,))
    tried = {
        "saying nothing": np.asarray(counts.true == 0, np.float64),
        "pixels likelier than not": cross_fit(counts, fold, Choices((0.0,), (0.0,), (HALF,), (0.0,))),
        "one threshold, fitted": cross_fit(counts, fold, one_level),
        "two thresholds and least area": cross_fit(counts, fold, choices._replace(classifier_threshold=(0.0,))),
        ENSEMBLE: cross_fit(counts, fold, choices),
    }
    return pd.DataFrame(tried)


def score_table(scores: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """One row a way: `way`, mean `dice` and its `error`, its `gain` on the way before and that `gain error`, and the
    means of X-rays `with air` and `without`."""
    patients, positive = held["patient"].to_numpy(), (held["area"] > 0).to_numpy()
    rows = []
    before = scores.iloc[:, 0]
    for way in scores:
        mean, gain = (bootstrap_mean(x.to_numpy(), patients) for x in (scores[way], scores[way] - before))
        rows.append(
            {
                "way": way,
                "dice": mean.mean,
                "error": mean.standard_error,
                "gain": gain.mean,
                "gain error": gain.standard_error,
                "with air": mean_of(scores[way].to_numpy()[positive]),
                "without": mean_of(scores[way].to_numpy()[~positive]),
            }
        )
        before = scores[way]
    return pd.DataFrame(rows)


def _scores(table: pd.DataFrame, held: pd.DataFrame) -> dict[str, Any]:
    """What goes into `score.json`."""
    best = table.set_index("way").loc[ENSEMBLE]
    return {
        "score": float(best["dice"]),
        "standard_error": float(best["error"]),
        "protocol": f"{held['fold'].nunique()} folds by patient, thresholds fitted on the other folds; gain: on the "
        "way before, paired; errors: bootstrap by patient",
        "images": len(held),
        "ways": table.to_dict("records"),
    }
