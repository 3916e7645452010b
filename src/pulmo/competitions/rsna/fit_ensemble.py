"""Out-of-fold boxes → thresholds and factors by the metric, an honest estimate of the score, and `model/`."""

import numpy as np
import pandas as pd

from pulmo.blending.bootstrap import bootstrap_mean
from pulmo.blending.fold_scores import Ranked, far_worse, score_folds
from pulmo.competitions.rsna.candidate_boxes import candidate_table
from pulmo.competitions.rsna.ensemble import blend_parameters_for, cross_fit, fit_values, score_by_threshold
from pulmo.competitions.rsna.oof_predictions import ROUTE_STAGES, read_out_of_fold
from pulmo.competitions.rsna.settings import EnsembleSettings
from pulmo.competitions.rsna.trained_model import write_model
from pulmo.pipeline.model_folder import Source
from pulmo.pipeline.stage import Stage
from pulmo.scoring.box_precision import box_precision

FAMILIES = {**ROUTE_STAGES, "classifier": "train_classifier", "lungs": "train_lungs"}


def run(stage: Stage, settings: EnsembleSettings) -> None:
    """Write `model`, the cross-fitted `out_of_fold` boxes, `image_scores`: the score of each image, `estimate`,
    and `thresholds`: the score at other confidence thresholds."""
    oof = read_out_of_fold(stage)
    parameters = blend_parameters_for(oof.predictions, oof.classified, oof.lungs)
    found = cross_fit(oof.predictions, oof.truth, oof.fold, parameters)
    scores = box_precision(oof.truth, found, oof.predictions.images)
    ranked = Ranked((oof.image_table["boxes"] > 0).to_numpy(), oof.predictions.probability) if oof.classified else None
    folds = score_folds(scores, oof.image_table["patient"].to_numpy(), oof.fold, ranked)
    for note in far_worse(folds, "mean precision", greater_is_better=True):
        stage.note(note)
    estimate = {**estimate_of(scores, oof.image_table["patient"]), "folds": folds}
    values = fit_values(oof.predictions, oof.truth, parameters)
    families = {
        name: Source(stage.input(f"{family}/models"), stage.read(f"{family}/description")["tta_flip"])
        for name, family in FAMILIES.items()
    }
    pixels = stage.read("features/description")["pixels"]
    write_model(stage.folder("model"), {"pixels": pixels, "fitted": values, "estimate": estimate}, families)
    names = oof.image_table["image"]
    stage.write("out_of_fold", candidate_table(found, names, np.ones((len(names), 2))))
    stage.write("image_scores", pd.DataFrame({"image": names, "fold": oof.fold, "score": scores}))
    stage.write("estimate", estimate)
    stage.write("thresholds", score_by_threshold(oof.predictions, oof.truth, values))


def estimate_of(scores: np.ndarray, patients: pd.Series) -> dict[str, float | int]:
    """Mean and bootstrap error, over patients, of the scores that count, (images,); NaN for the others."""
    counted = ~np.isnan(scores)
    mean = bootstrap_mean(scores[counted], patients[counted].to_numpy())
    return {
        "score": mean.value,
        "standard_error": mean.standard_error,
        "images": len(scores),
        "images_counted": int(counted.sum()),
        "patients": int(patients.nunique()),
    }
