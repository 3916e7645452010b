"""Segmentation networks trained on 80 real X-rays: lungs of covid-chest-xray, 5 folds, Dice at full size.

    .venv/bin/python benchmarks/real_masks.py                    # masks of the lungs
    .venv/bin/python benchmarks/real_masks.py --masks opacity    # masks of opacities
    .venv/bin/python benchmarks/real_masks.py --pixels 256 --cache x.npz --only-cache   # then, without decoders:
    .venv/bin/python benchmarks/real_masks.py --pixels 256 --cache x.npz --base-filters 32 --filter-growth 2 \\
        --output-stride 1 --device gpu

Every X-ray is of another patient; folds are random. One network per fold, with test-time augmentation by flipping;
probabilities are upsampled to 1024 × 1024 pixels and thresholded at one half. Dice is 1 where both masks are empty.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import numpy as np
import pandas as pd

from pulmo.commands.console import show_table
from pulmo.imaging.radiograph import read_radiograph, resized
from pulmo.scoring.dice import dice, united
from pulmo.scoring.rle import RunLengthMasks, decode, encode
from pulmo.training.cross_validation import NetworkTrainer
from pulmo.training.device import computing_on
from pulmo.training.folds import folds_by_group
from pulmo.training.inference import CERTAIN, upsampled
from pulmo.training.settings import SegmenterConfig
from pulmo.training.tasks import Dataset, MaskTask

SHARED_DATA = Path(__file__).parents[1] / "../shared/data/covid-chest-xray"
FULL_SIZE = (1024, 1024)
FOLDS = 5
CONFIG = SegmenterConfig.model_validate(
    {
        **{"base_filters": 16, "filter_growth": 1.5, "output_stride": 2, "epochs": 12, "learning_rate": 4e-3},
        **{"weight_decay": 1e-4, "rotation": 15.0, "zoom": 0.2, "shift": 0.1, "contrast": 0.3, "brightness": 40.0},
    }
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    parser.add_argument("--masks", choices=("lung", "opacity"), default="lung")
    parser.add_argument("--pixels", type=int, default=64)
    parser.add_argument("--steps", type=int, default=480, help="training steps of 16 X-rays, per fold")
    parser.add_argument("--base-filters", type=int, default=CONFIG.base_filters, help="filters of the first level")
    parser.add_argument("--filter-growth", type=float, default=CONFIG.filter_growth, help="factor from level to level")
    parser.add_argument("--output-stride", type=int, default=CONFIG.output_stride)
    parser.add_argument("--cache", type=Path, help="file of the images at network size")
    parser.add_argument("--only-cache", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    arguments = parser.parse_args()
    started = time.perf_counter()
    ids, truth = united(pd.read_csv(arguments.data / f"{arguments.masks}_rle.csv", dtype=str), "ImageId")
    images = _cached(arguments.cache, lambda: _read(arguments, ids, truth))
    if arguments.only_cache:
        return
    with computing_on(arguments.device) as device:
        scores = _out_of_fold(images, truth, folds_by_group(ids, FOLDS, arguments.seed), arguments)
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


class Images(NamedTuple):
    """Images and masks uint8 (n, pixels, pixels)."""

    images: np.ndarray
    masks: np.ndarray


def _cached(file: Path | None, make: Callable[[], Images]) -> Images:
    if file is None:
        return make()
    if not file.exists():
        made = make()
        np.savez_compressed(file, images=made.images, masks=made.masks)
    with np.load(file, allow_pickle=False) as cached:
        return Images(cached["images"], cached["masks"])


def _read(arguments: argparse.Namespace, ids: list[str], truth: RunLengthMasks) -> Images:
    folder, pixels = arguments.data / "images", arguments.pixels
    images = np.stack([resized(read_radiograph(folder / f"{name}.dcm").grey, pixels) for name in ids])
    masks = np.stack([resized(mask * np.uint8(CERTAIN), pixels) for mask in decode(truth, FULL_SIZE)])
    return Images(images, masks)


def _out_of_fold(images: Images, truth: RunLengthMasks, fold: np.ndarray, arguments: argparse.Namespace) -> np.ndarray:
    """Out-of-fold Dice of each X-ray, (n,)."""
    config = CONFIG.model_copy(
        update={
            "steps": arguments.steps // CONFIG.epochs,
            "base_filters": arguments.base_filters,
            "filter_growth": arguments.filter_growth,
            "output_stride": arguments.output_stride,
        }
    )
    trainer = NetworkTrainer(Dataset({"image": images.images}, fold), MaskTask(config, images.masks), arguments.seed)
    scores = np.zeros(len(fold))
    for number in range(FOLDS):
        held_out, started = np.flatnonzero(fold == number), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            trainer.train(fold == number, number, Path(folder) / "checkpoint.npz")
        an_epoch = (time.perf_counter() - started) / config.epochs  # the first fold's compiles too
        probability = trainer.predict(held_out)["mask"]
        found = encode(np.stack([upsampled(mask, FULL_SIZE) > CERTAIN // 2 for mask in probability]))
        scores[held_out] = dice(found, truth.take(held_out))
        print(f"fold {number}: mean Dice {scores[held_out].mean():.4f}, {an_epoch:.2f} s an epoch", flush=True)
    return scores


if __name__ == "__main__":
    main()
