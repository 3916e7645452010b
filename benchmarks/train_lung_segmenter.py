"""Trains the lung segmenter of X-rays that pulmo ships, and measures it on people it has not seen.

    .venv/bin/python benchmarks/train_lung_segmenter.py folds     # five networks, out of fold by person; Dice
    .venv/bin/python benchmarks/train_lung_segmenter.py ship      # one on all; src/pulmo/radiographs/lungs.npz
    .venv/bin/python benchmarks/train_lung_segmenter.py folds --cache x.npz --only-cache   # then, without decoders:
    python benchmarks/train_lung_segmenter.py folds --cache x.npz --fold 0 --device gpu --workers 2

Learns from 100 adults (`covid-chest-xray`, CC BY 4.0) and 289 children (`chest-xray-lungs`: Kermany's X-rays and V7
Labs' masks, both CC BY 4.0). Both count what lies behind the heart as lung. One in ten examples shows no upright
frontal chest: an X-ray turned by quarters of a circle, or cut off below the lungs; a photograph of scikit-image; the CT
of LIDC-IDRI-0001 (CC BY 3.0) projected from the side. Of these the network learns that there is no lung in them.

Examples are drawn and augmented epoch by epoch in other processes, the workers. What they draw follows from seed and
epoch alone.
"""

import argparse
import hashlib
import math
import multiprocessing
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import skimage
from PIL import Image

from pulmo.imaging.radiograph import to_uint8
from pulmo.imaging.reading import read_volume
from pulmo.imaging.volume import Volume
from pulmo.models.lung_network import PIXELS
from pulmo.radiographs.lungs import letterboxed
from pulmo.radiographs.reading import read_image
from pulmo.scoring import rle
from pulmo.training.folds import folds_by_group

SHIPPED = Path(__file__).parents[1] / "src" / "pulmo" / "radiographs" / "lungs.npz"
FOLDER = Path("work") / "benchmarks" / "lung_segmenter"
FOLDS = 5
BATCH, EPOCHS, LEARNING_RATE = 8, 480, 3e-3
STRONG, WEAK = 0.4, 0.25
"""Augmentation is at full strength for this share of the epochs, then decreases to this strength."""
SOURCE = 3 * PIXELS // 2
"""Pixels a side of the images that examples are cut from."""
NOT_A_CHEST = 1 / 10
"""The share of examples without an upright frontal chest."""
PHOTOGRAPHS = (
    "brick.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "ihc.png",
    "motorcycle_left.png",
    "page.png",
    "text.png",
)
"""Of scikit-image; the others of it judge."""
_PERSON = re.compile(r"person\d+|(NORMAL2-)?IM-\d+")


class LungImage(NamedTuple):
    """An X-ray with its mask: its file, the `person`, a `kind`, and the mask at full size, bool (rows, columns)."""

    path: Path
    person: str
    kind: str
    mask: np.ndarray

    @property
    def lungs(self) -> int:
        """How many lungs the mask has: two of the adults' masks have only one, though the other is there."""
        return len(cv2.findContours(self.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0])


class Example(NamedTuple):
    """An image and its mask, 255 being lung, both uint8 (pixels, pixels)."""

    image: np.ndarray
    mask: np.ndarray


class Examples(NamedTuple):
    """What is learned from, of SOURCE pixels a side: `images` and `masks` (n, rows, columns) as those of `Example`, of
    the X-rays with both lungs in the mask; the `fold` of each; `others`, images without an upright frontal chest."""

    images: np.ndarray
    masks: np.ndarray
    fold: np.ndarray
    others: np.ndarray

    def of(self, rows: np.ndarray) -> "Examples":
        """These rows alone, with all of `others`."""
        return Examples(self.images[rows], self.masks[rows], self.fold[rows], self.others)


class Training(NamedTuple):
    """How: `epochs`; `device` as `computing_on` takes it; the number of `workers`."""

    epochs: int
    device: str
    workers: int
    seed: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("folds", "ship"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--fold", type=int, choices=range(FOLDS), help="train this one alone")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw examples")
    parser.add_argument("--cache", type=Path, help="a file to keep the images that are learned from")
    parser.add_argument("--only-cache", action="store_true")
    parser.add_argument("--out", type=Path, help=f"default: {FOLDER}/fold<number>.npz; {SHIPPED.name} of the package")
    arguments = parser.parse_args()
    examples = _cached(arguments.cache, lambda: read_examples(arguments.data))
    training = Training(arguments.epochs, arguments.device, arguments.workers)
    if arguments.only_cache:
        return
    if arguments.task == "ship":
        file = arguments.out or SHIPPED
        np.savez(file, **train(examples, training))
        print(f"WEIGHTS_SHA256 of pulmo.radiographs.lungs: {hashlib.sha256(file.read_bytes()).hexdigest()}")
        return
    folder = arguments.out or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for fold in range(FOLDS) if arguments.fold is None else [arguments.fold]:
        np.savez(folder / f"fold{fold}.npz", **train(examples.of(examples.fold != fold), training))


def _cached(file: Path | None, make: Callable[[], Examples]) -> Examples:
    if file is None:
        return make()
    if not file.exists():
        np.savez_compressed(file, **make()._asdict())
    with np.load(file, allow_pickle=False) as cached:
        return Examples(**cached)


def read_examples(data: Path) -> Examples:
    """Of all X-rays of the two data sets, and of what shows no upright frontal chest."""
    images = read_lung_images(data)
    both = np.array([image.lungs >= 2 for image in images])
    chosen = [image for image, lungs in zip(images, both, strict=True) if lungs]
    others = [*photographs(PHOTOGRAPHS), *side_views(data / "lidc-idri" / "LIDC-IDRI-0001")]
    return Examples(
        np.stack([letterboxed(read_image(image.path).grey, SOURCE) for image in chosen]),
        np.stack([letterboxed(255 * image.mask.astype(np.uint8), SOURCE) for image in chosen]),
        folds_of(images)[both],
        np.stack([letterboxed(image, SOURCE) for image in others]),
    )


def read_lung_images(data: Path) -> list[LungImage]:
    """The adults, then the children, by file name."""
    adults = data / "covid-chest-xray"
    encoded = pd.read_csv(adults / "lung_rle.csv", index_col="ImageId")["EncodedPixels"]
    found = []
    for path in sorted((adults / "images").iterdir()):
        (mask,) = rle.decode(rle.parse([encoded[path.stem]]), (1024, 1024))
        found.append(LungImage(path, path.stem, "adults", mask > 0))
    for path in sorted((data / "chest-xray-lungs").glob("*.jp*g")):
        person = _PERSON.match(path.name)
        with Image.open(path.with_name(f"{path.stem}_mask.png")) as image:
            found.append(LungImage(path, person[0] if person else path.stem, "children", np.asarray(image) > 0))
    return found


def folds_of(images: Sequence[LungImage]) -> np.ndarray:
    """The fold of each image, by person, adults and children spread evenly."""
    folds = np.zeros(len(images), np.int64)
    for kind in ("adults", "children"):
        rows = np.array([image.kind == kind for image in images])
        folds[rows] = folds_by_group([image.person for image in images if image.kind == kind], FOLDS, seed=0)
    return folds


def photographs(names: Sequence[str]) -> list[np.ndarray]:
    """Grey photographs that scikit-image ships."""
    folder = Path(skimage.__file__).parent / "data"
    return [np.asarray(Image.open(folder / name).convert("L")) for name in names]


def side_views(folder: Path) -> list[np.ndarray]:
    """X-rays of a CT scan from both sides, and obliquely from the side."""
    volume = read_volume(folder)
    return [project(volume, degrees) for degrees in (60, 75, 90, 105, 120, 240, 255, 270, 285, 300)]


def project(volume: Volume, degrees: float) -> np.ndarray:
    """A scan as an X-ray: line integrals of attenuation, uint8 (rows, columns) of 2 mm, the head up.

    The beam comes from the back (0 degrees, a frontal view) and turns about the body's long axis.
    """
    step_mm = 2.0
    attenuation = np.clip(volume.hu.astype(np.float32) / 1000 + 1, 0, 3)
    side = round(max(np.array(attenuation.shape[1:]) * volume.pixel_spacing_mm) / step_mm)
    planes = [cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA) for plane in attenuation]
    turn = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), degrees, 1)
    lines = np.stack([cv2.warpAffine(plane, turn, (side, side)).sum(axis=0) for plane in planes])
    rows = round((volume.positions_mm[-1] - volume.positions_mm[0]) / step_mm)
    lines = cv2.resize(lines[::-1], (side, rows), interpolation=cv2.INTER_LINEAR)
    return to_uint8(lines, 0, float(np.percentile(lines, 99.5)))


def train(examples: Examples, training: Training) -> dict[str, np.ndarray]:
    """The weights of one network, batch normalisation folded in, float16; see `lung_network.Weights`."""
    # Here, because the workers need none of it.
    import keras

    from pulmo.models.lung_segmenter import fold_weights, lung_segmenter
    from pulmo.models.segmentation_losses import SegmentationLoss, Terms
    from pulmo.training.data import Rows, TrainingBatches
    from pulmo.training.device import computing_on
    from pulmo.training.loop import Learner, WarmUpThenCosine, train_epoch

    steps = len(examples.images) // BATCH
    with computing_on(training.device, mixed=False):
        keras.utils.set_random_seed(training.seed)
        network = lung_segmenter()
        learner = Learner(network, SegmentationLoss(Terms(cross_entropy=1.0, dice=1.0)))
        rate = WarmUpThenCosine(LEARNING_RATE, training.epochs * steps, 2 * steps)
        learner.compile(
            optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-3, global_clipnorm=1.0),
            jit_compile=keras.backend.backend() != "tensorflow",
        )
        started = time.perf_counter()
        for epoch, drawn in enumerate(_epochs(examples, training)):
            batches = TrainingBatches(Rows({"image": drawn.image}, drawn.mask), BATCH, 0, steps)
            loss = train_epoch(learner, batches)["loss"]
            print(f"epoch {epoch + 1}: loss {loss:.4f}, {time.perf_counter() - started:.1f} s", flush=True)
        return {name: values.astype(np.float16) for name, values in fold_weights(network).items()}


def _epochs(examples: Examples, training: Training) -> Iterator[Example]:
    """The examples of one epoch after the other, drawn ahead by the workers; images and masks (n, pixels, pixels)."""
    context = multiprocessing.get_context("spawn")  # a forked process must not use a GPU, nor TensorFlow
    with ProcessPoolExecutor(training.workers, context, _hold, (examples, training)) as pool:
        ahead = [pool.submit(_epoch, epoch) for epoch in range(min(training.epochs, training.workers + 1))]
        for epoch in range(training.epochs):
            drawn = ahead.pop(0).result()
            if epoch + training.workers + 1 < training.epochs:
                ahead.append(pool.submit(_epoch, epoch + training.workers + 1))
            yield drawn


_held: list[tuple[Examples, Training]] = []
"""Of a worker, which is given them once."""


def _hold(examples: Examples, training: Training) -> None:
    _held.append((examples, training))
    cv2.setNumThreads(1)


def _epoch(epoch: int) -> Example:
    """Every X-ray once, but for those that do not fill a batch, in random order."""
    ((examples, training),) = _held
    random = np.random.default_rng([training.seed, epoch])
    strength = float(np.interp(epoch / training.epochs, [STRONG, 1], [1, WEAK]))
    sources = [Example(image, mask) for image, mask in zip(examples.images, examples.masks, strict=True)]
    rows = random.permutation(len(sources))[: len(sources) // BATCH * BATCH]
    made = [_example(sources[row], sources, examples.others, strength, random) for row in rows]
    return Example(np.stack([example.image for example in made]), np.stack([example.mask for example in made]))


def _example(
    source: Example,
    sources: Sequence[Example],
    negatives: np.ndarray,
    strength: float,
    random: np.random.Generator,
) -> Example:
    """An X-ray, or in its place one without an upright frontal chest, augmented."""
    if random.random() < NOT_A_CHEST:
        source = _without_lungs(sources, negatives, random)
    return _augmented(source, strength, random)


def _without_lungs(sources: Sequence[Example], negatives: np.ndarray, random: np.random.Generator) -> Example:
    """An image without an upright frontal chest; no pixel of it is lung."""
    if random.random() < 0.4:
        image = negatives[random.integers(len(negatives))]
    else:
        source = sources[random.integers(len(sources))]
        below = int(np.flatnonzero(source.mask.any(axis=1)).max(initial=0)) + len(source.mask) // 40
        if random.random() < 0.25 and below < 0.75 * len(source.mask):
            image = letterboxed(np.ascontiguousarray(source.image[below:]), len(source.image))
        else:
            image = np.ascontiguousarray(np.rot90(source.image, random.integers(1, 4)))
    return Example(image, np.zeros_like(image))


def _augmented(example: Example, strength: float, random: np.random.Generator) -> Example:
    """Another image of PIXELS a side: mirrored, turned (at strength 1 by up to 15 degrees), stretched, shifted, partly
    outside; of another exposure, with an opacity, a label, noise; some as negatives, black for white."""
    side = len(example.image)
    stretch = random.uniform(-0.35, 0.3) + random.uniform(-0.1, 0.1) * np.array([1.0, -1.0])
    turn = strength * math.radians(random.uniform(-15, 15))
    mirror = random.choice([-1.0, 1.0])
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    matrix = matrix * np.exp(strength * stretch)[:, None] * [mirror, 1.0] * PIXELS / side
    shift = strength * random.uniform(-0.12, 0.12, 2) * PIXELS
    affine = np.column_stack([matrix, (PIXELS - 1) / 2 + shift - matrix @ np.full(2, (side - 1) / 2)])
    size = (PIXELS, PIXELS)
    mask = cv2.warpAffine(example.mask, affine, size, flags=cv2.INTER_LINEAR)
    fill = random.uniform(0, 255) if random.random() < 0.25 * strength else 0.0
    image = cv2.warpAffine(example.image, affine, size, flags=cv2.INTER_LINEAR, borderValue=fill)
    return Example(_other_exposure(image, strength, random), mask)


def _other_exposure(image: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    grey = (image.astype(np.float32) / 255) ** np.float32(math.exp(strength * random.uniform(-0.6, 0.6)))
    y, x = (np.arange(PIXELS, dtype=np.float32) / PIXELS)[:, None], (np.arange(PIXELS, dtype=np.float32) / PIXELS)[None]
    if random.random() < 0.4 * strength:  # an opacity, or a shadow
        row, column = random.uniform(0.15, 0.85, 2).astype(np.float32)
        tall, wide = random.uniform(0.05, 0.2, 2).astype(np.float32)
        grey += np.exp(-((y - row) ** 2) / (2 * tall**2)) * (
            np.float32(random.uniform(-0.15, 0.45)) * np.exp(-((x - column) ** 2) / (2 * wide**2))
        )
    if random.random() < 0.3 * strength:  # uneven exposure
        down, across = random.uniform(-0.3, 0.3, 2).astype(np.float32)
        grey *= 1 + down * (y - 0.5) + across * (x - 0.5)
    if random.random() < 0.6 * strength:  # a label, or a tube
        top, left = random.integers(0, PIXELS, 2)
        height, width = random.integers(1, PIXELS // 8, 2)
        grey[top : top + height, left : left + width] = random.choice([0.0, 0.95])
    if random.random() < 0.3 * strength:
        grey = cv2.GaussianBlur(grey, (0, 0), random.uniform(0.4, 1.2))
    if random.random() < 0.5 * strength:
        grey += random.standard_normal(grey.shape, np.float32) * np.float32(random.uniform(0, 0.04))
    grey = to_uint8(grey, strength * random.uniform(-0.1, 0.1), 1 - strength * random.uniform(-0.1, 0.15))
    return ~grey if random.random() < 0.1 * strength else grey


if __name__ == "__main__":
    main()
