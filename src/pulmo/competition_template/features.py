"""Kaggle's files → the training set: X-rays at network size, labels, patients, folds."""

from pulmo.competition_template.data import read_training_table, training_images
from pulmo.competition_template.submission import LABELS, TRAIN_TABLE
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat
from pulmo.radiographs.dataset import (
    LabelSource,
    kinds_of_labels,
    patient_folds,
    read_labelled_images,
    require_positives,
)
from pulmo.radiographs.settings import ImageSettings


def run(stage: Stage, settings: ImageSettings) -> None:
    """Write `images`, uint8 (images, pixels, pixels); `labels`, a row an image in the same order: `image`, `patient`,
    a column a label, the header, `error` and `fold`, -1 for unreadable images; and `description`, the images' format.
    """
    table = stage.data / TRAIN_TABLE
    source = LabelSource(table, training_images(stage.data))
    image_format = ImageFormat(settings.pixels, settings.clahe_clip_limit)
    labels = read_labelled_images(stage, read_training_table(stage.data), source, image_format)
    for name in LABELS:
        require_positives(labels, (labels[name] == 1).to_numpy(), settings.folds, table, f"the label {name}")
    labels["fold"] = patient_folds(stage, labels, kinds_of_labels(labels[list(LABELS)].to_numpy()), settings.folds)
    stage.write("labels", labels)
    stage.write("description", {"pixels": settings.pixels, "clahe_clip_limit": settings.clahe_clip_limit})
