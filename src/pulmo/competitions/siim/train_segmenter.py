"""Segmentation networks, one a fold → out-of-fold probabilities of pneumothorax, of each pixel and of the image."""

import numpy as np
import pandas as pd

from pulmo.competitions.siim.settings import NetworkSettings
from pulmo.pipeline.stage import Stage
from pulmo.training.cross_validation import cross_validate_networks
from pulmo.training.tasks import Dataset, MaskTask


def run(stage: Stage, settings: NetworkSettings) -> None:
    """Write `models`, `history`, `description` (how to predict with the networks), and of the held-out images, in order
    of folds, `out_of_fold` (`row` in `features/image_table`, `fold`, `presence`) and `probability`, uint8 (rows,
    pixels, pixels)."""
    table, images = stage.read("features/image_table"), stage.read("features/images")
    fold = table["fold"].to_numpy()
    dataset = Dataset(
        {"image": images},
        fold,
        patient=table["patient"].to_numpy(str),
        positive=(table["area"] > 0).to_numpy(),
    )
    task = MaskTask(settings, stage.read("features/masks"))
    result = cross_validate_networks(stage, dataset, task, settings.folds)
    result.write(stage)
    stage.write("description", {"tta_flip": settings.tta_flip})
    rows = result.rows
    stage.write(
        "out_of_fold", pd.DataFrame({"row": rows, "fold": fold[rows], "presence": result.out_of_fold("presence")})
    )
    probability = np.load(stage.array("probability", (len(rows), *images.shape[1:]), "uint8"), mmap_mode="r+")
    first = 0
    for _, masks in result.in_parts("mask"):
        probability[first : first + len(masks)] = masks
        first += len(masks)
    probability.flush()
