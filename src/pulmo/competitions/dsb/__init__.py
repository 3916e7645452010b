"""Whole scans classified in three dimensions: a CT or MR volume in, a probability of cancer (or of a class) out."""

from pulmo.competition import Competition, StageSpec

EVERYTHING = "."
"""Sources differ in what lies where: Kaggle's files, LIDC-IDRI's series and annotations, a folder a class."""

COMPETITION = Competition(
    name="dsb",
    title="Data Science Bowl 2017, lung cancer",
    kaggle_slug="data-science-bowl-2017",
    submission_columns=("id", "cancer"),
    metric="log loss",
    greater_is_better=False,
    sample="stage2_sample_submission.csv",
    stages=(),
    cv=StageSpec("cv", "", settings=""),
)
