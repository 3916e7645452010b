"""Pneumothorax: chest X-rays → a run-length mask of the pneumothorax in each."""

from typing import TYPE_CHECKING

from pulmo.competition import ALL_SETTINGS, Competition, StageSpec

_NIH_PATIENTS = "nih_patients.csv"
_TEST_FILES = ("stage_2_sample_submission.csv", "sample_submission.csv", "stage_2_images", "dicom-images-test")
_LABELS = ("features/image_table", "features/description")
_PREDICTED = ("train_segmenter/probability", "train_segmenter/out_of_fold", "train_segmenter/description")

COMPETITION = Competition(
    name="siim",
    title="SIIM-ACR Pneumothorax Segmentation",
    kaggle_slug="siim-acr-pneumothorax-segmentation",
    submission_columns=("ImageId", "EncodedPixels"),
    metric="mean Dice",
    greater_is_better=True,
    stages=(
        StageSpec(
            "features",
            "X-rays and masks at network size, headers, folds by patient",
            data=("stage_2_train.csv", "train-rle.csv", "dicom-images-train", _NIH_PATIENTS),
            optional=("stage_2_train.csv", "train-rle.csv", _NIH_PATIENTS),
            writes=("image_table", "images", "masks", "description"),
        ),
        StageSpec(
            "train_segmenter",
            "segmentation networks with a probability that a pneumothorax is present",
            reads=("features/image_table", "features/images", "features/masks"),
            writes=("probability", "out_of_fold", "models", "history", "description"),
        ),
        StageSpec(
            "fit_ensemble",
            "thresholds and minimum area fitted by the metric; final model assembled",
            reads=(*_LABELS, *_PREDICTED, "train_segmenter/models"),
            writes=("model", "out_of_fold", "estimate", "search", "thresholds"),
        ),
        StageSpec(
            "predict",
            "a mask at full size for every image of the sample submission",
            data=_TEST_FILES,
            optional=_TEST_FILES,
            reads=("fit_ensemble/model",),
            writes=("images", "predictions", "submission"),
        ),
    ),
    cv=StageSpec(
        "cv",
        "folds by patient; thresholds fitted on the other folds",
        reads=(*_LABELS, *_PREDICTED),
        writes=("table", "images", "scores"),
        settings=ALL_SETTINGS,
    ),
    sample="stage_2_sample_submission.csv",
    companion_files=(_NIH_PATIENTS,),
)

if TYPE_CHECKING:  # mypy checks the modules against the contract
    from pulmo.competitions.siim import (
        cv,
        data_check,
        features,
        figures,
        fit_ensemble,
        hidden_test,
        phantom,
        predict,
        submission,
        train_segmenter,
    )
    from pulmo.protocols import Modules

    MODULES = Modules(
        stages=(features, train_segmenter, fit_ensemble, predict, cv),
        submission=submission,
        holdout=hidden_test,
        phantom=phantom,
        figures=figures,
        data_check=data_check,
    )
