"""Classification of whole scans: a CT or MR volume → a probability of cancer, or of a class."""

from typing import TYPE_CHECKING

from pulmo.competition import ALL_SETTINGS, Competition, StageSpec

# Sources differ in their files: Kaggle's, LIDC-IDRI's series and annotations, one folder for each class, one new scan.
_ALL_FILES = (".",)
_FEATURES = ("features/scans", "features/volumes", "features/description")

COMPETITION = Competition(
    name="dsb",
    title="Data Science Bowl 2017, lung cancer",
    kaggle_slug="data-science-bowl-2017",
    submission_columns=("id", "cancer"),
    metric="log loss",
    greater_is_better=False,
    sample="stage2_sample_submission.csv",
    stages=(
        StageSpec(
            "features",
            "labels from any source, lung volumes at network size, folds by patient",
            data=_ALL_FILES,
            writes=("scans", "volumes", "description"),
        ),
        StageSpec(
            "train_cnn",
            "three-dimensional networks on whole scans",
            reads=_FEATURES,
            writes=("out_of_fold", "fitted", "models", "history"),
        ),
        StageSpec(
            "fit_ensemble",
            "temperature fitted by the metric; final model assembled",
            reads=(*_FEATURES, "train_cnn/out_of_fold", "train_cnn/fitted", "train_cnn/models"),
            writes=("model", "out_of_fold", "row_scores", "metrics", "estimate"),
        ),
        StageSpec(
            "predict",
            "a probability for every requested scan, and Grad-CAM volumes",
            data=_ALL_FILES,
            reads=("fit_ensemble/model",),
            writes=("predictions", "submission", "metrics", "grad_cam_scans", "volumes", "cams"),
        ),
    ),
    cv=StageSpec(
        "cv",
        "repeated folds by patient; temperature fitted on the other folds",
        reads=_FEATURES,
        writes=("table", "predictions", "scores"),
        settings=ALL_SETTINGS,
    ),
    test_files=".",
    winning_score=0.39975,
)

if TYPE_CHECKING:  # mypy checks the modules against the contract
    from pulmo.competitions.dsb import (
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
    )
    from pulmo.protocols import Modules

    MODULES = Modules(
        stages=(features, train_cnn, fit_ensemble, predict, cv),
        submission=submission,
        holdout=hidden_test,
        phantom=phantom,
        figures=figures,
        data_check=data_check,
    )
