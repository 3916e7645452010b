"""Pneumothorax: chest X-rays in, a run-length mask of the free air in each of them out."""

from pulmo.competition import Competition, StageSpec

_TRUTH = ("features/x_rays", "features/description")
_SAID = ("train_segmenter/probability", "train_segmenter/out_of_fold", "train_segmenter/description")

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
            data=("stage_2_train.csv", "train-rle.csv", "dicom-images-train", "nih_patients.csv"),
            writes=("x_rays", "images", "masks", "description"),
        ),
        StageSpec(
            "train_segmenter",
            "networks that outline the air, and say whether there is any",
            reads=("features/x_rays", "features/images", "features/masks"),
            writes=("probability", "out_of_fold", "models", "history", "description"),
        ),
        StageSpec(
            "fit_ensemble",
            "thresholds, least area and gate by the metric; the model put together",
            reads=(*_TRUTH, *_SAID, "train_segmenter/models"),
            writes=("model", "out_of_fold", "estimate", "search", "thresholds"),
        ),
        StageSpec(
            "predict",
            "a mask at full size for every image asked",
            data=(
                "stage_2_sample_submission.csv",
                "sample_submission.csv",
                "stage_2_images",
                "dicom-images-test",
            ),
            reads=("fit_ensemble/model",),
            writes=("images", "predictions", "submission"),
        ),
    ),
    cv=StageSpec(
        "cv",
        "folds by patient; thresholds fitted on the other folds",
        reads=(*_TRUTH, *_SAID),
        writes=("table", "images", "scores"),
        settings="",
    ),
    sample="stage_2_sample_submission.csv",
)
