"""The competition's protocol: every route, and all of them together, on out-of-fold patients.

Thresholds and factors are fitted for each variant on the other folds: nothing is chosen by the rows it is scored on.
Gains are paired, image by image, against the report's segmenter; errors are by bootstrap over patients.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import Statistic, paired_gain
from pulmo.competitions.rsna.candidate_boxes import candidate_table
from pulmo.competitions.rsna.ensemble import DETECTOR, SEGMENTER, blend_parameters_for, cross_fit
from pulmo.competitions.rsna.fit_ensemble import estimate_of
from pulmo.competitions.rsna.oof_predictions import OutOfFold, read_out_of_fold
from pulmo.competitions.rsna.settings import CvSettings
from pulmo.pipeline.stage import Stage
from pulmo.scoring.box_precision import box_precision, mean_precision
from pulmo.scoring.boxes import Boxes


class Variant(NamedTuple):
    """What boxes are made from: which routes, and whether classifier and lungs filter them."""

    name: str
    routes: tuple[str, ...]
    classified: bool = False
    lungs: bool = False


ENSEMBLE = "ensemble"
VARIANTS = (
    Variant("1 segmenter, the report's", (SEGMENTER,)),
    Variant("2 segmenter and classifier", (SEGMENTER,), classified=True),
    Variant("2 segmenter and lungs", (SEGMENTER,), lungs=True),
    Variant("2 segmenter, classifier and lungs", (SEGMENTER,), classified=True, lungs=True),
    Variant("3 detector", (DETECTOR,)),
    Variant("3 detector, classifier and lungs", (DETECTOR,), classified=True, lungs=True),
    Variant(ENSEMBLE, (SEGMENTER, DETECTOR), classified=True, lungs=True),
)


def run(stage: Stage, settings: CvSettings) -> None:
    """Write the `table` of variants, the ensemble's out-of-fold `predictions`, and `scores` as JSON."""
    oof = read_out_of_fold(stage)
    variants = [variant for variant in VARIANTS if _possible(variant, oof)]
    found = {variant.name: boxes_of(variant, oof) for variant in stage.progress(variants, "variants")}
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


def _possible(variant: Variant, oof: OutOfFold) -> bool:
    """Whether its networks have been trained; the ensemble takes those that have."""
    if variant.name == ENSEMBLE:
        return True
    lacking = (variant.classified and not oof.classified) or (variant.lungs and not oof.lungs)
    return not lacking and all(route in oof.predictions.routes for route in variant.routes)


def boxes_of(variant: Variant, oof: OutOfFold) -> Boxes:
    """The boxes of a variant, cross-fitted."""
    routes = {name: found for name, found in oof.predictions.routes.items() if name in variant.routes}
    predictions = oof.predictions._replace(routes=routes)
    parameters = blend_parameters_for(predictions, variant.classified and oof.classified, variant.lungs and oof.lungs)
    return cross_fit(predictions, oof.truth, oof.fold, parameters)


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
