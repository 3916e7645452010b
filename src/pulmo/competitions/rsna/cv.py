"""The competition's protocol: every route, and all of them together, on out-of-fold patients.

Thresholds and factors are fitted for each variant on the other folds: nothing is chosen by the rows it is scored on.
Gains are paired, image by image, against the report's segmenter; errors are by bootstrap over patients.
"""

from typing import Any

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import Statistic, paired_gain
from pulmo.competitions.rsna.candidate_boxes import candidate_table
from pulmo.competitions.rsna.ensemble import cross_fit, fit_best, fit_method
from pulmo.competitions.rsna.fit_ensemble import estimate_of
from pulmo.competitions.rsna.oof_predictions import OutOfFold, read_out_of_fold
from pulmo.competitions.rsna.settings import CvSettings
from pulmo.pipeline.stage import Stage
from pulmo.scoring.box_precision import box_precision, mean_precision
from pulmo.scoring.boxes import Boxes

ENSEMBLE = "ensemble"


def run(stage: Stage, settings: CvSettings) -> None:
    """Write the `table` of variants, the ensemble's out-of-fold `predictions`, and `scores` as JSON."""
    oof = read_out_of_fold(stage)
    fits = {method.name: fit_method(method) for method in oof.methods} | {ENSEMBLE: fit_best(oof.methods)}
    found = {
        name: cross_fit(oof.predictions, oof.truth, oof.fold, fits[name]) for name in stage.progress(fits, "methods")
    }
    table = score_table(oof, found)
    names = oof.image_table["image"]
    stage.write("table", table)
    stage.write("predictions", candidate_table(found[ENSEMBLE], names, np.ones((len(names), 2))))
    best = table.set_index("variant").loc[ENSEMBLE]
    scores: dict[str, Any] = {
        "score": float(best["score"]),
        "standard_error": float(best["error"]),
        "protocol": f"{len(np.unique(oof.fold))} folds by patient, stratified by class and number of boxes; what is "
        "fitted to out-of-fold boxes is cross-fitted; gain: on the first variant, paired; errors: bootstrap by patient",
        "variants": table.to_dict("records"),
    }
    stage.write("scores", scores)


def score_table(oof: OutOfFold, found: dict[str, Boxes]) -> pd.DataFrame:
    """A row a variant: `variant`, `score`, `error`, `gain` on the first, its error, `boxes` and `images_counted`."""
    count = oof.predictions.images
    scores = {name: box_precision(oof.truth, boxes, count) for name, boxes in found.items()}
    first = next(iter(scores.values()))
    rows = []
    for name, values in scores.items():
        estimate = estimate_of(values, oof.image_table["patient"])
        gain = paired_gain(_mean_of(values), _mean_of(first), oof.image_table["patient"].to_numpy())
        rows.append(
            {
                "variant": name,
                "score": estimate["score"],
                "error": estimate["standard_error"],
                "gain": gain.value,
                "gain_error": gain.standard_error,
                "boxes": len(found[name].image),
                "images_counted": estimate["images_counted"],
            }
        )
    return pd.DataFrame(rows)


def _mean_of(scores: np.ndarray) -> Statistic:
    return lambda rows: mean_precision(scores[rows])
