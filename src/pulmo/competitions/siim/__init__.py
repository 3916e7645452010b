"""Pneumothorax: chest X-rays in, a run-length mask of the free air for each of them out."""

from pulmo.competition import Competition, StageSpec

COMPETITION = Competition(
    name="siim",
    title="SIIM-ACR Pneumothorax Segmentation",
    kaggle_slug="siim-acr-pneumothorax-segmentation",
    submission_columns=("ImageId", "EncodedPixels"),
    metric="mean Dice",
    greater_is_better=True,
    stages=(),
    cv=StageSpec("cv", "folds by patient; everything fitted inside", settings=""),
)
