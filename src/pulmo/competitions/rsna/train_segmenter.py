"""Route 1, the report's: boxes painted as masks, segmented by a network a fold, and read back as boxes out of fold.

Beside the boxes, the report's own numbers of each image: mean IoU and pixel accuracy, and the accuracy of an empty
mask, which most pixels make high; and from a network with a presence head, the probability of pneumonia.
"""

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.candidate_boxes import candidate_table
from pulmo.competitions.rsna.radiographs import nothing_trained, read_radiographs, train_networks
from pulmo.competitions.rsna.rasterize import boxes_of_masks
from pulmo.competitions.rsna.settings import SegmenterSettings
from pulmo.pipeline.stage import Stage
from pulmo.training.tasks import MaskTask

HALF = 128  # of 255


def run(stage: Stage, settings: SegmenterSettings) -> None:
    """Write `out_of_fold` boxes, the report's numbers of each image into `image_scores`, `models` and `history`."""
    if settings.folds == 0:
        nothing_trained(stage, settings, "The segmenter is left out: train_segmenter.folds is 0")
        stage.write("out_of_fold", candidate_table())
        stage.write("image_scores", pd.DataFrame({"image": [], "fold": [], "presence": []}))
        return
    table, masks = read_radiographs(stage), stage.read("features/masks")
    result = train_networks(stage, settings, table.dataset(table.readable), MaskTask(settings, masks))
    boxes, images = [], []
    for rows, predicted in result.in_parts("mask"):
        probability = np.where(table.readable[rows, None, None], predicted, np.uint8(0))
        found = boxes_of_masks(probability, settings.thresholds)
        image_table = table.image_table.iloc[rows].reset_index(drop=True)
        scale = 1 / table.scale[rows]
        boxes.append(candidate_table(found.boxes, image_table["image"], scale, found.mask_threshold))
        images.append(image_table[["image", "fold"]].assign(**pixel_scores(probability, masks[rows])))
    scores = pd.concat(images, ignore_index=True)
    scores.insert(2, "presence", result.out_of_fold("presence").astype(np.float64))
    stage.write("out_of_fold", pd.concat(boxes, ignore_index=True))
    stage.write("image_scores", scores)


def pixel_scores(probability: np.ndarray, masks: np.ndarray) -> dict[str, np.ndarray]:
    """Pixel by pixel agreement with the true masks, image by image.

    Args:
        probability: uint8 (images, pixels, pixels), 255 being certain.
        masks: the truth, likewise.

    Returns:
        `iou`, with 1 added to numerator and denominator as the report has it (so that an empty image scores 1 for an
        empty mask); `accuracy`; and `background_accuracy`, that of an empty mask. (images,) each.
    """
    axes = (1, 2)
    predicted, true = probability >= HALF, masks >= HALF
    return {
        "iou": ((predicted & true).sum(axes) + 1) / ((predicted | true).sum(axes) + 1),
        "accuracy": (predicted == true).mean(axes),
        "background_accuracy": 1 - true.mean(axes),
    }
