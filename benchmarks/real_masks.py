"""Segmentation networks trained on 80 real X-rays: lungs of covid-chest-xray, 5 folds, Dice at full size.

    .venv/bin/python benchmarks/real_masks.py                    # masks of the lungs
    .venv/bin/python benchmarks/real_masks.py --masks opacity    # masks of opacities
    .venv/bin/python benchmarks/real_masks.py --pixels 256 --pictures x.npz --only-pictures   # then, without decoders:
    .venv/bin/python benchmarks/real_masks.py --pixels 256 --pictures x.npz --start 32 --rate 2 --shrink 1 --device gpu

Every X-ray is of another patient; folds are random. One network per fold, with test-time augmentation by flipping;
probabilities are upsampled to 1024 × 1024 pixels and thresholded at one half. Dice is 1 where both masks are empty.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import numpy as np
import pandas as pd

from pulmo.commands.console import show_table
from pulmo.imaging.radiograph import read_radiograph, resized
from pulmo.models.segmentation_losses import SegmentationLoss, Terms
from pulmo.models.unet import UnetParameters, unet
from pulmo.scoring.dice import dice, united
from pulmo.scoring.rle import RunLengthMasks, decode, encode
from pulmo.training.augment import Augmentation
from pulmo.training.device import computing_on
from pulmo.training.fit import Plan
from pulmo.training.folds import folds_by_group
from pulmo.training.image_trainer import ImageTrainer, Pictures, Recipe
from pulmo.training.masks import CERTAIN, MaskPredictor, upsampled

SHARED_DATA = Path(__file__).parents[1] / "../shared/data/covid-chest-xray"
FULL_SIZE = (1024, 1024)
FOLDS = 5
NETWORK = UnetParameters(start=16, depth=4, rate=1.5, dropout=0.0, momentum=0.9, shrink=2, head=False)
LOSS = SegmentationLoss(Terms(cross_entropy=1.0, dice=1.0))
MOVES = Augmentation(flip_left_right=True, rotation=15, zoom=0.2, shift=0.1, gain=0.3, offset=40)
EPOCHS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--masks", choices=("lung", "opacity"), default="lung")
    parser.add_argument("--pixels", type=int, default=64)
    parser.add_argument("--steps", type=int, default=480, help="training steps of 16 X-rays, per fold")
    parser.add_argument("--start", type=int, default=NETWORK.start, help="filters of the first level")
    parser.add_argument("--rate", type=float, default=NETWORK.rate, help="more of them at each level down")
    parser.add_argument("--shrink", type=int, default=NETWORK.shrink)
    parser.add_argument("--pictures", type=Path, help="a file that keeps what is read of the X-rays")
    parser.add_argument("--only-pictures", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    arguments = parser.parse_args()
    started = time.perf_counter()
    ids, truth = united(pd.read_csv(arguments.data / f"{arguments.masks}_rle.csv", dtype=str), "ImageId")
    pictures = _kept(arguments.pictures, lambda: _pictures(arguments, ids, truth))
    if arguments.only_pictures:
        return
    with computing_on(arguments.device) as device:
        scores = _out_of_fold(pictures, truth, folds_by_group(ids, FOLDS, arguments.seed), arguments)
    show_table(
        [
            {
                "masks": f"{arguments.masks}, {len(ids)} X-rays",
                "network": f"{arguments.pixels}², {arguments.steps} steps × {FOLDS} folds",
                "device": f"{device.kind}, {device.backend}",
                "mean Dice ± error": f"{scores.mean():.4f} ± {scores.std(ddof=1) / np.sqrt(len(scores)):.4f}",
                "worst": f"{scores.min():.3f}",
                "minutes": f"{(time.perf_counter() - started) / 60:.1f}",
            }
        ]
    )


def _kept(file: Path | None, make: Callable[[], Pictures]) -> Pictures:
    if file is None:
        return make()
    if not file.exists():
        made = make()
        np.savez_compressed(file, images=made.images, target=made.target)
    with np.load(file, allow_pickle=False) as kept:
        images, masks = kept["images"], kept["target"]
    return Pictures(images, masks, "mask", masks.any(axis=(1, 2)))


def _pictures(arguments: argparse.Namespace, ids: list[str], truth: RunLengthMasks) -> Pictures:
    folder, pixels = arguments.data / "images", arguments.pixels
    images = np.stack([resized(read_radiograph(folder / f"{name}.dcm").grey, pixels) for name in ids])
    masks = np.stack([resized(mask * np.uint8(CERTAIN), pixels) for mask in decode(truth, FULL_SIZE)])
    return Pictures(images, masks, "mask", masks.any(axis=(1, 2)))


def _out_of_fold(
    pictures: Pictures, truth: RunLengthMasks, fold: np.ndarray, arguments: argparse.Namespace
) -> np.ndarray:
    """Out-of-fold Dice of each X-ray, (n,)."""
    plan = Plan(EPOCHS, arguments.steps // EPOCHS, 4e-3, 1, 1e-4, 0.5, EPOCHS)
    changed = NETWORK._replace(start=arguments.start, rate=arguments.rate, shrink=arguments.shrink)
    build = partial(unet, changed, arguments.pixels)
    trainer = ImageTrainer(build, LOSS, pictures, Recipe(plan, 16, MOVES), arguments.seed)
    predictor = MaskPredictor(trainer.network, flip=True)
    scores = np.zeros(len(fold))
    for number in range(FOLDS):
        held_out, started = np.flatnonzero(fold == number), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            trainer.train(np.flatnonzero(fold != number), number, Path(folder) / "checkpoint.npz")
        an_epoch = (time.perf_counter() - started) / EPOCHS  # the first fold's compiles too
        said = predictor.predict(pictures.images, held_out).probability
        found = encode(np.stack([upsampled(picture, FULL_SIZE) > CERTAIN // 2 for picture in said]))
        scores[held_out] = dice(found, truth.take(held_out))
        print(f"fold {number}: mean Dice {scores[held_out].mean():.4f}, {an_epoch:.2f} s an epoch", flush=True)
    return scores


if __name__ == "__main__":
    main()
