"""Route 2, the other half: lung masks out of fold, so that opacities outside of the lungs can be dropped.

Networks are trained on `lung_rle.csv` (SIIM's run-length encoding, a row an image) where that lies beside the labels;
or one that was trained elsewhere predicts (`train_lungs.model`); without either, the ensemble goes on without them.
"""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

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
from pulmo.pipeline.stage import Stage, load, save
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
        _predict_elsewhere(stage, settings.model, table, settings.tta_flip)
        describe_inference(stage, settings)
        return
    known, target = _lung_masks(stage.data / LUNGS, table)
    if settings.folds == 0 or known.sum() < MIN_MASKS:
        nothing_trained(
            stage,
            settings,
            f"Lungs are not segmented: {LUNGS} has masks of {known.sum()} images, {MIN_MASKS} are needed; or name "
            "a network with train_lungs.model",
        )
        stage.write("masks", np.zeros((0, table.pixels, table.pixels), np.uint8))
        return
    # On disk, so that processes that train in parallel share it.
    save(stage.scratch("lungs") / "target", target)
    task = MaskTask(settings, load(stage.scratch("lungs") / "target.npy"))
    result = train_networks(stage, settings, table.dataset(known), task)
    masks = np.load(stage.array("masks", table.images.shape, "uint8"), mmap_mode="r+")
    for rows, predicted in result.by_fold("mask"):
        masks[rows] = predicted
    masks.flush()


def _predict_elsewhere(stage: Stage, model: Path, table: RadiographTable, tta_flip: bool) -> None:
    """Masks by a network trained on other patients."""
    from pulmo.training.checkpoints import SavedNetworks
    from pulmo.training.device import computing_on
    from pulmo.training.inference import MaskPredictor, predict_mean

    with computing_on(stage.device):
        pixels = SavedNetworks([model]).network.inputs[0].shape[1]
        if pixels != table.pixels:
            what = f"the network takes images of {pixels} pixels a side, not {table.pixels}"
            raise UserError(Fault(str(model), what, f"Set features.pixels={pixels}, or train another"))
        predictor = partial(MaskPredictor, tta_flip=tta_flip)
        stage.write("masks", predict_mean([model], {"image": table.images}, predictor)["mask"])
    shutil.copy(model, stage.folder("models") / "fold0.keras")
    stage.write("history", pd.DataFrame({"fold": [], "epoch": []}))


def _lung_masks(path: Path, table: RadiographTable) -> tuple[np.ndarray, np.ndarray]:
    """Which images have a lung mask, (images,) bool; and these masks at network size, 0 for the others.

    Raises:
        UserError: a mask is no run-length encoding of the image.
    """
    known, masks = np.zeros(len(table.image_table), bool), np.zeros(table.images.shape, np.uint8)
    if not path.is_file():
        return known, masks
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
