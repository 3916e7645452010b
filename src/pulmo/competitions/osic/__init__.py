"""Lung-function decline: chest CT and spirometry in, FVC with its confidence for any week out."""

from pulmo.competition import Competition, KernelRules, StageSpec

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
            "visits in pairs, CT statistics, lung slices, folds by patient",
            data=("train.csv", "train"),
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
            "residual network on lung slices and the patient's numbers",
            reads=(*_FEATURES, *_SLICES),
            writes=("out_of_fold", "models", "history"),
        ),
        StageSpec(
            "fit_ensemble",
            "weights and Confidence by the metric; the model put together",
            reads=(
                *_FEATURES,
                "train_gbm/out_of_fold",
                "train_gbm/models",
                "train_linear/out_of_fold",
                "train_linear/models",
                "train_cnn/out_of_fold",
                "train_cnn/models",
            ),
            writes=("model", "out_of_fold", "estimate"),
        ),
        StageSpec(
            "predict",
            "FVC and Confidence for every patient and week asked",
            data=("test.csv", "sample_submission.csv", "test"),
            reads=("fit_ensemble/model",),
            writes=("predictions", "submission"),
        ),
    ),
    cv=StageSpec(
        "cv",
        "a held-out patient shows only the first visit; everything fitted inside",
        reads=(*_FEATURES, *_SLICES),
        writes=("table", "predictions", "scores"),
        settings="",
    ),
    kernel=KernelRules(cpu_hours=9, gpu_hours=4),
)
