"""Pneumonia: chest X-rays → boxes around opacities with their confidences."""

from typing import TYPE_CHECKING

from pulmo.competition import Competition, StageSpec

_NIH_PATIENTS, _LUNGS = "nih_patients.csv", "lung_rle.csv"
_FEATURES = ("features/image_table", "features/images")
_ENSEMBLE = (
    *("features/image_table", "features/boxes", "features/description"),
    *("train_lungs/masks", "train_lungs/models", "train_lungs/history", "train_lungs/description"),
    *("train_classifier/out_of_fold", "train_classifier/models", "train_classifier/description"),
    *("train_segmenter/out_of_fold", "train_segmenter/image_scores", "train_segmenter/models"),
    *("train_segmenter/description", "train_detector/description"),
    *("train_detector/out_of_fold", "train_detector/models"),
)

COMPETITION = Competition(
    name="rsna",
    title="RSNA Pneumonia Detection Challenge",
    kaggle_slug="rsna-pneumonia-detection-challenge",
    submission_columns=("patientId", "PredictionString"),
    metric="mean precision of boxes over IoU 0.40 to 0.75",
    greater_is_better=True,
    stages=(
        StageSpec(
            "features",
            "X-rays and box masks at network size, folds by patient",
            data=(
                "stage_2_train_labels.csv",
                "stage_2_detailed_class_info.csv",
                "stage_2_train_images",
                _NIH_PATIENTS,
            ),
            optional=("stage_2_detailed_class_info.csv", _NIH_PATIENTS),
            writes=("image_table", "boxes", "images", "masks", "description"),
        ),
        StageSpec(
            "train_lungs",
            "lung segmentation networks",
            data=(_LUNGS,),
            optional=(_LUNGS,),
            reads=_FEATURES,
            writes=("masks", "models", "history", "description"),
        ),
        StageSpec(
            "train_classifier",
            "networks for the probability of pneumonia",
            reads=(*_FEATURES, "features/masks"),
            writes=("out_of_fold", "models", "history", "description"),
        ),
        StageSpec(
            "train_segmenter",
            "networks that segment boxes as masks, as in the report",
            reads=(*_FEATURES, "features/masks"),
            writes=("out_of_fold", "image_scores", "models", "history", "description"),
        ),
        StageSpec(
            "train_detector",
            "one-stage detection networks",
            reads=(*_FEATURES, "features/boxes"),
            writes=("out_of_fold", "models", "history", "description"),
        ),
        StageSpec(
            "fit_ensemble",
            "boxes of both methods fused, thresholds fitted by the metric; final model assembled",
            reads=_ENSEMBLE,
            writes=("model", "out_of_fold", "image_scores", "estimate", "thresholds"),
        ),
        StageSpec(
            "predict",
            "boxes for every image of the sample submission",
            data=("stage_2_sample_submission.csv", "stage_2_test_images"),
            optional=("stage_2_sample_submission.csv",),
            reads=("fit_ensemble/model",),
            writes=("images", "predictions", "submission"),
        ),
    ),
    cv=StageSpec(
        "cv",
        "each method and the ensemble on held-out patients; fitted values are cross-fitted",
        reads=_ENSEMBLE,
        writes=("table", "predictions", "scores"),
    ),
    sample="stage_2_sample_submission.csv",
    column_aliases={"PatientId": "patientId"},
    companion_files=(_NIH_PATIENTS, _LUNGS),
)

if TYPE_CHECKING:  # mypy checks the modules against the contract
    from pulmo.competitions.rsna import (
        cv,
        data_check,
        features,
        figures,
        fit_ensemble,
        hidden_test,
        phantom,
        predict,
        submission,
        train_classifier,
        train_detector,
        train_lungs,
        train_segmenter,
    )
    from pulmo.protocols import Modules

    MODULES = Modules(
        stages=(features, train_lungs, train_classifier, train_segmenter, train_detector, fit_ensemble, predict, cv),
        submission=submission,
        holdout=hidden_test,
        phantom=phantom,
        figures=figures,
        data_check=data_check,
    )
