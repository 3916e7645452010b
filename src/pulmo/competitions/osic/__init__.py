"""Decline of lung function: chest CT and spirometry → FVC with its confidence for any week."""

from typing import TYPE_CHECKING

from pulmo.competition import ALL_SETTINGS, Competition, KernelRules, StageSpec

_SLICES = ("features/lung_slices", "features/sliced_patients")
_FEATURES = ("features/visit_pairs", "features/scan_statistics", "features/folds", "features/description")

COMPETITION = Competition(
    name="osic",
    title="OSIC Pulmonary Fibrosis Progression",
    kaggle_slug="osic-pulmonary-fibrosis-progression",
    submission_columns=("Patient_Week", "FVC", "Confidence"),
    metric="modified Laplace log likelihood",
    greater_is_better=True,
    stages=(
        StageSpec(
            "features",
            "visit pairs, CT statistics, lung slices, folds by patient",
            data=("train.csv", "train"),
            optional=("train",),
            writes=("visit_pairs", "scan_statistics", "lung_slices", "sliced_patients", "folds", "description"),
        ),
        StageSpec(
            "train_gbm",
            "quantile LightGBM on the change of FVC",
            reads=_FEATURES,
            writes=("out_of_fold", "models"),
        ),
        StageSpec(
            "train_linear",
            "Huber, elastic net and averaged lines on the change of FVC",
            reads=_FEATURES,
            writes=("out_of_fold", "models"),
        ),
        StageSpec(
            "train_cnn",
            "residual network on lung slices and clinical variables",
            reads=(*_FEATURES, *_SLICES),
            writes=("out_of_fold", "models", "history"),
        ),
        StageSpec(
            "fit_ensemble",
            "weights and Confidence fitted by the metric; final model assembled",
            reads=(
                *_FEATURES,
                "train_gbm/out_of_fold",
                "train_gbm/models",
                "train_linear/out_of_fold",
                "train_linear/models",
                "train_cnn/out_of_fold",
                "train_cnn/models",
            ),
            writes=("model", "out_of_fold", "row_scores", "estimate"),
        ),
        StageSpec(
            "predict",
            "FVC and Confidence for every patient and week of the sample submission",
            data=("test.csv", "sample_submission.csv", "test"),
            optional=("sample_submission.csv", "test"),
            reads=("fit_ensemble/model",),
            writes=("predictions", "submission"),
        ),
    ),
    cv=StageSpec(
        "cv",
        "held-out patients show only their first visit; all parameters fitted on the other patients",
        reads=(*_FEATURES, *_SLICES),
        writes=("table", "predictions", "scores"),
        settings=ALL_SETTINGS,
    ),
    test_table="test.csv",
    kernel=KernelRules(cpu_hours=9, gpu_hours=4),
    winning_score=-6.8305,
)

if TYPE_CHECKING:  # mypy checks the modules against the contract
    from pulmo.competitions.osic import (
        cv,
        data_check,
        features,
        figures,
        fit_ensemble,
        hidden_test,
        phantom,
        predict,
        submission,
        train_cnn,
        train_gbm,
        train_linear,
    )
    from pulmo.protocols import Modules

    MODULES = Modules(
        stages=(features, train_gbm, train_linear, train_cnn, fit_ensemble, predict, cv),
        submission=submission,
        holdout=hidden_test,
        phantom=phantom,
        figures=figures,
        data_check=data_check,
    )
