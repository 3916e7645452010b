"""The competition's protocol: every route, and all of them together, on patients whom no network behind them has seen.

Thresholds and factors are fitted anew for each route on the other folds' patients: nothing is chosen by the rows it is
scored on. Gains are paired, patient by patient, against the report's way.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import DRAWS
from pulmo.competitions.rsna.candidate_boxes import candidate_table
from pulmo.competitions.rsna.ensemble import DETECTOR, SEGMENTER, blend_parameters_for, cross_fit
from pulmo.competitions.rsna.fit_ensemble import estimate_of
from pulmo.competitions.rsna.oof_predictions import OutOfFold, read_out_of_fold
from pulmo.competitions.rsna.settings import CvSettings
from pulmo.pipeline.stage import Stage
from pulmo.scoring.box_precision import box_precision
from pulmo.scoring.boxes import Boxes


class Way(NamedTuple):
    """A way to boxes: which routes, and whether classifier and lungs have a say."""

    name: str
    routes: tuple[str, ...]
    classified: bool = False
    lungs: bool = False


ENSEMBLE = "ensemble"
WAYS = (
    Way("1 outlines, the report's", (SEGMENTER,)),
    Way("2 outlines, classifier first", (SEGMENTER,), classified=True),
    Way("2 outlines, lungs first", (SEGMENTER,), lungs=True),
    Way("2 outlines, both first", (SEGMENTER,), classified=True, lungs=True),
    Way("3 detector", (DETECTOR,)),
    Way("3 detector, both first", (DETECTOR,), classified=True, lungs=True),
    Way(ENSEMBLE, (SEGMENTER, DETECTOR), classified=True, lungs=True),
)


def run(stage: Stage, settings: CvSettings) -> None:
    """Write the `table` of ways, the ensemble's `predictions` out of fold, and `scores` as JSON."""
    said = read_out_of_fold(stage)
    ways = [way for way in WAYS if _possible(way, said)]
    found = {way.name: boxes_of(way, said) for way in stage.progress(ways, "ways to boxes")}
    table = score_table(said, found)
    names = said.patients["patient"]
    stage.write("table", table)
    stage.write("predictions", candidate_table(found[ENSEMBLE], names, np.ones((len(names), 2))))
    best = table.set_index("way").loc[ENSEMBLE]
    scores: dict[str, Any] = {
        "score": float(best["score"]),
        "standard_error": float(best["error"]),
        "protocol": f"{len(np.unique(said.fold))} folds by patient, stratified by class and number of boxes; what is "
        "fitted to out-of-fold boxes is cross-fitted; gain: on the first way, paired; errors: bootstrap by patient",
        "ways": table.to_dict("records"),
    }
    stage.write("scores", scores)


def _possible(way: Way, said: OutOfFold) -> bool:
    """Whether there is what it needs; the ensemble takes what there is."""
    if way.name == ENSEMBLE:
        return True
    wanted = (way.classified and not said.classified) or (way.lungs and not said.lungs)
    return not wanted and all(route in said.predictions.routes for route in way.routes)


def boxes_of(way: Way, said: OutOfFold) -> Boxes:
    """What a way finds, cross-fitted."""
    routes = {name: found for name, found in said.predictions.routes.items() if name in way.routes}
    predictions = said.predictions._replace(routes=routes)
    parameters = blend_parameters_for(predictions, way.classified and said.classified, way.lungs and said.lungs)
    return cross_fit(predictions, said.truth, said.fold, parameters)


def score_table(said: OutOfFold, found: dict[str, Boxes]) -> pd.DataFrame:
    """One row a way: `way`, `score` ± `error`, `gain` on the first ± `gain_error`, `boxes` and `patients_counted`."""
    count = said.predictions.patients
    scores = {name: box_precision(said.truth, boxes, count) for name, boxes in found.items()}
    first = next(iter(scores.values()))
    rows = []
    for name, values in scores.items():
        estimate = estimate_of(values, said.patients["patient"])
        gain, gain_error = paired_gain(values, first)
        rows.append(
            {
                "way": name,
                "score": estimate["score"],
                "error": estimate["standard_error"],
                "gain": gain,
                "gain_error": gain_error,
                "boxes": len(found[name].image),
                "patients_counted": estimate["patients_counted"],
            }
        )
    return pd.DataFrame(rows)


def paired_gain(scores: np.ndarray, others: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """How much more the mean of `scores` is than that of `others`, and its bootstrap error; patients are drawn again.

    (patients,) both, NaN where a patient does not count: which these are differs, so it is a difference of means.
    """
    drawn = np.random.default_rng(seed).integers(len(scores), size=(DRAWS, len(scores)))
    means = [np.nanmean(values[drawn], axis=1) for values in (scores, others)]
    return float(np.nanmean(scores) - np.nanmean(others)), float(np.std(means[0] - means[1], ddof=1))
