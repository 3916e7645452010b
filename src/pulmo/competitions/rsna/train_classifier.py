"""Route 2, which the report recommends: the probability of pneumonia in each image, out of fold.

A U-Net with a presence head: the masks of the boxes teach it from fewer images than the label alone would.
"""

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.radiographs import nothing_trained, read_radiographs, train_networks
from pulmo.competitions.rsna.settings import ClassifierSettings
from pulmo.pipeline.stage import Stage
from pulmo.training.tasks import MaskTask


def run(stage: Stage, settings: ClassifierSettings) -> None:
    """Write `out_of_fold`, `models` and `history`."""
    if settings.folds == 0:
        nothing_trained(stage, settings, "The classifier is left out: train_classifier.folds is 0")
        stage.write("out_of_fold", pd.DataFrame({"image": [], "fold": [], "probability": []}))
        return
    table = read_radiographs(stage)
    task = MaskTask(settings, stage.read("features/masks"), outputs=("presence",))
    result = train_networks(stage, settings, table.dataset(table.readable), task)
    images = table.image_table.iloc[result.rows][["image", "fold"]].reset_index(drop=True)
    stage.write("out_of_fold", images.assign(probability=result.out_of_fold("presence").astype(np.float64)))
