"""Pneumonia: chest X-rays in, boxes around opacities with their confidences out."""

from pulmo.competition import Competition, StageSpec

_FEATURES = ("features/patients", "features/images")
_ENSEMBLE = (
    *("features/patients", "features/boxes", "features/description"),
    *("train_lungs/masks", "train_lungs/models", "train_lungs/history", "train_lungs/description"),
    *("train_classifier/out_of_fold", "train_classifier/models", "train_classifier/description"),
    *("train_segmenter/out_of_fold", "train_segmenter/pictures", "train_segmenter/models"),
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
            "X-rays at network size, boxes painted on them, folds by patient",
            data=(
                "stage_2_train_labels.csv",
                "stage_2_detailed_class_info.csv",
                "stage_2_train_images",
                "nih_patients.csv",
            ),
            writes=("patients", "boxes", "images", "masks", "description"),
        ),
        StageSpec(
            "train_lungs",
            "where the lungs are",
            data=("lung_rle.csv",),
            reads=_FEATURES,
            writes=("masks", "models", "history", "description"),
        ),
        StageSpec(
            "train_classifier",
            "is there pneumonia at all?",
            reads=(*_FEATURES, "features/masks"),
            writes=("out_of_fold", "models", "history", "description"),
        ),
        StageSpec(
            "train_segmenter",
            "boxes outlined as masks, the report's way",
            reads=(*_FEATURES, "features/masks"),
            writes=("out_of_fold", "pictures", "models", "history", "description"),
        ),
        StageSpec(
            "train_detector",
            "boxes by a network made for them",
            reads=(*_FEATURES, "features/boxes"),
            writes=("out_of_fold", "models", "history", "description"),
        ),
        StageSpec(
            "fit_ensemble",
            "routes fused, thresholds by the metric; the model put together",
            reads=_ENSEMBLE,
            writes=("model", "out_of_fold", "pictures", "estimate", "thresholds"),
        ),
        StageSpec(
            "predict",
            "boxes for every patient asked about",
            data=("stage_2_sample_submission.csv", "stage_2_test_images"),
            reads=("fit_ensemble/model",),
            writes=("images", "predictions", "submission"),
        ),
    ),
    cv=StageSpec(
        "cv",
        "each route and the ensemble on patients held out, all that is fitted cross-fitted",
        reads=_ENSEMBLE,
        writes=("table", "predictions", "scores"),
    ),
    sample="stage_2_sample_submission.csv",
    column_aliases={"PatientId": "patientId"},
)
