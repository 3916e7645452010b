"""Route 2, the other half: where are the lungs? → their masks out of fold, so that opacities outside need not count.

They are learned from `lung_rle.csv` (SIIM's run-length cells, a row an image) where that lies beside the labels, or
known to a network trained elsewhere (`train_lungs.model`); without either, the ensemble goes on without them.
"""

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pulmo.competitions.rsna.radiographs import (
    RadiographTable,
    describe_inference,
    nothing_trained,
    outlining,
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
from pulmo.training.image_folds import ImageFolds

if TYPE_CHECKING:
    from pulmo.training.masks import MaskPredictor

LUNGS = "lung_rle.csv"
MIN_MASKS = 20
COVERED = 255


def run(stage: Stage, settings: LungSettings) -> None:
    """Write `masks` (uint8, a picture each, or none at all), `models` and `history`."""
    x_rays = read_radiographs(stage)
    if settings.model is not None:
        _ask_elsewhere(stage, settings.model, x_rays, settings.mirrored)
        describe_inference(stage, settings)
        return
    known, target = _lung_masks(stage.data / LUNGS, x_rays)
    if settings.folds == 0 or known.sum() < MIN_MASKS:
        nothing_trained(
            stage,
            settings,
            f"Lungs are not looked for: {LUNGS} has masks of {known.sum()} patients, {MIN_MASKS} are needed; or name "
            "a network with train_lungs.model",
        )
        stage.write("masks", np.zeros((0, x_rays.pixels, x_rays.pixels), np.uint8))
        return
    # Read once, and not by every process that trains.
    save(stage.scratch("lungs") / "target", target)
    save(stage.scratch("lungs") / "known", known)
    pieces = train_networks(stage, settings, partial(_trainer, settings))
    masks = np.load(stage.array("masks", x_rays.images.shape, "uint8"), mmap_mode="r+")
    for number, piece in enumerate(pieces):
        masks[x_rays.fold == number] = load(piece / "lungs.npy")
    masks.flush()


def _trainer(settings: LungSettings, stage: Stage) -> ImageFolds:
    x_rays = read_radiographs(stage)
    target, known = (load(stage.scratch("lungs") / f"{name}.npy") for name in ("target", "known"))
    return outlining(stage, settings, x_rays, target, np.asarray(known), partial(_ask, x_rays))


def _ask(x_rays: RadiographTable, predictor: "MaskPredictor", held: np.ndarray, folder: Path) -> None:
    save(folder / "lungs", predictor.predict(x_rays.images, held).probability)


def _ask_elsewhere(stage: Stage, model: Path, x_rays: RadiographTable, mirrored: bool) -> None:
    """Masks by a network trained on other patients."""
    from pulmo.training.device import computing_on
    from pulmo.training.masks import predict_folds
    from pulmo.training.saved_networks import SavedNetworks

    with computing_on(stage.device):
        pixels = SavedNetworks([model]).network.inputs[0].shape[1]
        if pixels != x_rays.pixels:
            what = f"the network takes pictures of {pixels} pixels a side, not {x_rays.pixels}"
            raise UserError(Fault(str(model), what, f"Set features.pixels={pixels}, or train another"))
        stage.write("masks", predict_folds([model], mirrored, x_rays.images).probability)
    shutil.copy(model, stage.folder("models") / "fold0.keras")
    stage.write("history", pd.DataFrame({"fold": [], "epoch": []}))


def _lung_masks(path: Path, x_rays: RadiographTable) -> tuple[np.ndarray, np.ndarray]:
    """Which patients have a lung mask, (patients,) bool; and these masks at network size, 0 for the others.

    Raises:
        UserError: a cell is no run-length code of the image.
    """
    known, masks = np.zeros(len(x_rays.fold), bool), np.zeros(x_rays.images.shape, np.uint8)
    if not path.is_file():
        return known, masks
    table = read_table(path, ("ImageId", "EncodedPixels"))
    places = pd.Index(x_rays.patients["patient"]).get_indexer(table["ImageId"])
    sides = x_rays.patients[["rows", "columns"]].fillna(SIDE).to_numpy(np.int64)
    for row in np.flatnonzero(places >= 0):
        rows, columns = sides[places[row]].tolist()
        cell = [table["EncodedPixels"].iloc[row]]
        mask, faults = rle.parse_checked(cell, rows * columns)
        if faults:
            raise UserError(Fault(place(str(path), row, "EncodedPixels"), faults[0].what, faults[0].remedy))
        picture = COVERED * rle.decode(mask, (rows, columns))[0]
        known[places[row]], masks[places[row]] = True, resized(np.ascontiguousarray(picture), x_rays.pixels)
    return known & x_rays.readable, masks
