"""Whole scans classified in three dimensions: a CT or MR volume in, a probability of cancer (or of a class) out."""

from pulmo.competition import Competition, StageSpec

# Sources differ in what lies where: Kaggle's files, LIDC-IDRI's series and annotations, a folder a class, one new scan.
_EVERYTHING = (".",)
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
            "labels from any source, small volumes of the lungs, folds by patient",
            data=_EVERYTHING,
            writes=("scans", "volumes", "description"),
        ),
        StageSpec(
            "train_cnn",
            "three-dimensional network on whole scans",
            reads=_FEATURES,
            writes=("out_of_fold", "fitted", "models", "history"),
        ),
        StageSpec(
            "fit_ensemble",
            "temperature by the metric; the model put together",
            reads=(*_FEATURES, "train_cnn/out_of_fold", "train_cnn/fitted", "train_cnn/models"),
            writes=("model", "out_of_fold", "metrics", "estimate"),
        ),
        StageSpec(
            "predict",
            "a probability for every scan asked, and where the network looked",
            data=_EVERYTHING,
            reads=("fit_ensemble/model",),
            writes=("predictions", "submission", "metrics", "grad_cam_scans", "volumes", "cams"),
        ),
    ),
    cv=StageSpec(
        "cv",
        "folds by patient, dealt anew; the temperature fitted on the other folds",
        reads=_FEATURES,
        writes=("table", "predictions", "scores"),
        settings="",
    ),
)
