"""Findings on chest X-rays: images → the probability of each of several labels."""

from typing import TYPE_CHECKING

from pulmo.competition import ALL_SETTINGS, Competition, KernelRules, StageSpec

_OUT_OF_FOLD = ("train_classifier/out_of_fold", "train_classifier/probability")

COMPETITION = Competition(
    name="competition_template",
    title="Template title",
    kaggle_slug="template-slug",
    submission_columns=("image_id", "effusion", "pacemaker", "bulla"),
    metric="mean AUC",
    greater_is_better=True,
    stages=(
        StageSpec(
            "features",
            "X-rays at network size, labels, folds by patient",
            data=("train.csv", "train"),
            writes=("images", "labels", "description"),
        ),
        StageSpec(
            "train_classifier",
            "a classifier of whole images, one network a fold",
            reads=("features/images", "features/labels"),
            writes=("models", "history", "out_of_fold", "probability", "description"),
        ),
        StageSpec(
            "fit_ensemble",
            "final model assembled, and the estimate of its score",
            reads=(*_OUT_OF_FOLD, "features/description", "train_classifier/models", "train_classifier/description"),
            writes=("model", "estimate"),
        ),
        StageSpec(
            "predict",
            "probabilities for every image of the sample submission",
            data=("sample_submission.csv", "test"),
            optional=("sample_submission.csv",),
            reads=("fit_ensemble/model",),
            writes=("images", "submission"),
        ),
    ),
    cv=StageSpec(
        "cv",
        "AUC of each label, out of fold",
        reads=_OUT_OF_FOLD,
        writes=("table", "scores"),
        settings=ALL_SETTINGS,
    ),
    kernel=KernelRules(cpu_hours=9, gpu_hours=9),
)

if TYPE_CHECKING:  # mypy checks the modules against the contract
    from pulmo.competition_template import (
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
    )
    from pulmo.protocols import Modules

    MODULES = Modules(
        stages=(features, train_classifier, fit_ensemble, predict, cv),
        submission=submission,
        holdout=hidden_test,
        phantom=phantom,
        figures=figures,
        data_check=data_check,
    )
