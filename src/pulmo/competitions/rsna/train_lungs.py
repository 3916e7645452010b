"""Route 2, the other half: lung masks, so that opacities outside of the lungs can be dropped.

The network that pulmo ships predicts them. Where `lung_rle.csv` (SIIM's run-length encoding, a row an image) lies
beside the labels, networks are trained on it instead, and predict out of fold; `train_lungs.model` names a network that
was trained elsewhere; with `train_lungs.folds=0` the ensemble goes on without lungs.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.format import open_memmap

from pulmo.competitions.rsna.radiographs import (
    RadiographTable,
    describe_inference,
    nothing_trained,
    read_radiographs,
    train_networks,
)
from pulmo.competitions.rsna.settings import LungSettings
from pulmo.errors import Fault, UserError
from pulmo.imaging.radiograph import resized
from pulmo.pipeline.stage import Stage
from pulmo.scoring import rle
from pulmo.scoring.boxes import SIDE
from pulmo.scoring.tables import place, read_table
from pulmo.training.tasks import MaskTask

LUNGS = "lung_rle.csv"
MIN_MASKS = 20
COVERED = 255


def run(stage: Stage, settings: LungSettings) -> None:
    """Write `masks` (uint8, one an image, or none at all), `models` and `history`."""
    table = read_radiographs(stage)
    if settings.model is not None:
        _predict_by(stage, settings.model, settings, table)
        return
    if settings.folds == 0:
        nothing_trained(stage, settings, "Lungs are not segmented: train_lungs.folds is 0")
        stage.write("masks", np.zeros((0, table.pixels, table.pixels), np.uint8))
        return
    known, target = _lung_masks(stage, table)
    if known.sum() < MIN_MASKS:
        stage.note(
            f"Lungs are segmented by the network that pulmo ships: {LUNGS} has masks of {known.sum()} images, and "
            f"{MIN_MASKS} are needed to train one"
        )
        shipped = stage.scratch("lungs") / "shipped.keras"
        _write_shipped(shipped, table.pixels)
        _predict_by(stage, shipped, settings, table)
        return
    task = MaskTask(settings, target)
    result = train_networks(stage, settings, table.dataset(known), task)
    masks = np.load(stage.array("masks", table.images.shape, "uint8"), mmap_mode="r+")
    for rows, predicted in result.in_parts("mask"):
        masks[rows] = predicted
    masks.flush()


def _write_shipped(path: Path, pixels: int) -> None:
    """Save the network that pulmo ships, for images of `pixels` a side."""
    from pulmo.models.lung_segmenter import lung_segmenter_from
    from pulmo.radiographs.lungs import shipped_weights
    from pulmo.training.device import computing_on

    with computing_on("cpu"):
        lung_segmenter_from(shipped_weights(), pixels).save(path)


def _predict_by(stage: Stage, model: Path, settings: LungSettings, table: RadiographTable) -> None:
    """Masks by a network that was trained on other images; raises UserError where it takes images of another size."""
    from pulmo.training.checkpoints import SavedNetworks
    from pulmo.training.device import computing_on
    from pulmo.training.inference import MaskPredictor, predict_in_parts

    with computing_on(stage.device):
        network = SavedNetworks([model]).network
        pixels = network.inputs[0].shape[1]
        if pixels != table.pixels:
            what = f"the network takes images of {pixels} pixels a side, not {table.pixels}"
            raise UserError(Fault(str(model), what, f"Set features.pixels={pixels}, or train another"))
        predictor = MaskPredictor(network, settings.tta_flip, outputs=("mask",))
        masks = np.load(stage.array("masks", table.images.shape, "uint8"), mmap_mode="r+")
        first = 0
        for predicted in predict_in_parts(predictor, {"image": table.images}):
            masks[first : first + len(predicted["mask"])] = predicted["mask"]
            first += len(predicted["mask"])
        masks.flush()
    shutil.copy(model, stage.folder("models") / "fold0.keras")
    stage.write("history", pd.DataFrame({"fold": [], "epoch": []}))
    describe_inference(stage, settings)


def _lung_masks(stage: Stage, table: RadiographTable) -> tuple[np.ndarray, np.ndarray]:
    """Which images have a lung mask, (images,) bool; and these masks at network size, 0 for the others, in a file that
    processes that train in parallel share.

    Raises:
        UserError: a mask is no run-length encoding of the image.
    """
    path, known = stage.data / LUNGS, np.zeros(len(table.image_table), bool)
    if not path.is_file():
        return known, np.zeros(table.images.shape, np.uint8)
    masks = open_memmap(stage.scratch("lungs") / "target.npy", "w+", np.uint8, table.images.shape)
    encoded = read_table(path, ("ImageId", "EncodedPixels"))
    places = pd.Index(table.image_table["image"]).get_indexer(encoded["ImageId"])
    sides = table.image_table[["rows", "columns"]].fillna(SIDE).to_numpy(np.int64)
    for row in np.flatnonzero(places >= 0):
        rows, columns = sides[places[row]].tolist()
        mask, faults = rle.parse_checked([encoded["EncodedPixels"].iloc[row]], rows * columns)
        if faults:
            raise UserError(Fault(place(str(path), row, "EncodedPixels"), faults[0].what, faults[0].remedy))
        full = COVERED * rle.decode(mask, (rows, columns))[0]
        known[places[row]], masks[places[row]] = True, resized(np.ascontiguousarray(full), table.pixels)
    return known & table.readable, masks
