"""Route 3: boxes by a one-stage detector, a network a fold, out of fold."""

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.candidate_boxes import candidate_table
from pulmo.competitions.rsna.radiographs import RadiographTable, nothing_trained, read_radiographs, train_networks
from pulmo.competitions.rsna.rasterize import scaled
from pulmo.competitions.rsna.settings import DetectorSettings
from pulmo.competitions.rsna.submission import BOX_COLUMNS
from pulmo.pipeline.stage import Stage
from pulmo.scoring.boxes import corners
from pulmo.training.tasks import BoxLimits, BoxTask

LIMITS = BoxLimits(most=20, min_confidence=0.05)


def run(stage: Stage, settings: DetectorSettings) -> None:
    """Write `out_of_fold` boxes, `models` and `history`."""
    if settings.folds == 0:
        nothing_trained(stage, settings, "The detector is left out: train_detector.folds is 0")
        stage.write("out_of_fold", candidate_table())
        return
    from pulmo.training.inference import to_boxes  # loads Keras, which takes seconds

    table = read_radiographs(stage)
    task = BoxTask(settings, box_target(table, stage.read("features/boxes")), LIMITS)
    result = train_networks(stage, settings, table.dataset(table.readable), task)
    rows, found = result.rows, to_boxes(result.out_of_fold("boxes"))
    found = found.take(table.readable[rows][found.image])
    stage.write("out_of_fold", candidate_table(found, table.image_table["image"].iloc[rows], 1 / table.scale[rows]))


def box_target(table: RadiographTable, boxes: pd.DataFrame) -> np.ndarray:
    """The boxes of each image: float32 (images, most, 4), left, top, right, bottom in its pixels, padded with 0."""
    places = pd.Index(table.image_table["image"]).get_indexer(boxes["image"])
    number = boxes.groupby("image").cumcount().to_numpy()
    xywh = scaled(boxes[list(BOX_COLUMNS)].to_numpy(np.float64), table.scale[places])
    target = np.zeros((len(table.image_table), int(number.max(initial=0)) + 1, 4), np.float32)
    target[places, number] = corners(xywh)
    return target
