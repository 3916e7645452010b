"""The lung segmenter of X-rays measured: Dice of people it has not seen, images told to be no frontal chest, time.

    .venv/bin/python benchmarks/train_lung_segmenter.py folds     # first: the networks of five folds
    .venv/bin/python benchmarks/lung_segmenter.py

Adults and children are segmented by the network of the fold that has not seen them, and so is what is made of their
images: turned, cut. The competitions' X-rays, scans and photographs are assessed by the network that is shipped, which
has seen none of them: of scikit-image's photographs only those that it did not learn from, and no side view of these
scans.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import skimage

from pulmo.imaging.radiograph import Radiograph, RadiographHeader, to_uint8
from pulmo.imaging.reading import read_volume
from pulmo.models.lung_network import LungNetwork
from pulmo.radiographs.frontal import assess_frontal
from pulmo.radiographs.lungs import Network, flip_averaged, segment_lungs, shipped_network
from pulmo.radiographs.reading import read_image
from train_lung_segmenter import (
    FOLDER,
    FOLDS,
    PHOTOGRAPHS,
    LungImage,
    folds_of,
    photographs,
    project,
    read_lung_images,
)

COMPETITIONS = {
    "RSNA": "rsna-pneumonia-detection-challenge/stage_2_train_images",
    "SIIM": "siim-acr-pneumothorax-segmentation/dicom-images-train",
}
CHESTS = ("chest_ge_stomach_gas", "chest_ge_two_acquisitions", "chest_philips_5mm", "chest_siemens_8mm_30")
SIDE_DEGREES = (70, 90, 110, 250, 270, 290)
WITHOUT_HEADER = RadiographHeader(None, None, None, None, None, 0, 0, None)


class Case(NamedTuple):
    """An image of a `kind`, what it is made from, and the network that segments it."""

    kind: str
    name: str
    radiograph: Radiograph
    network: Network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--table", type=Path, help="write a row an image here, as CSV")
    arguments = parser.parse_args()
    images, chosen = _held_out(read_lung_images(arguments.data))
    rows = [_dice(image, network) for image, network in zip(images, chosen, strict=True)]
    dice = pd.DataFrame(rows).groupby("kind")["dice"]
    print(dice.describe(percentiles=[0.05, 0.5])[["count", "mean", "5%", "50%", "min"]].round(4).to_string(), "\n")
    table = pd.DataFrame([_assessed(case) for case in _cases(images, chosen, arguments.data)])
    if arguments.table:
        table.merge(pd.DataFrame(rows), how="left").to_csv(arguments.table, index=False)
    doubted = table.assign(doubted=table["reasons"] != "").groupby("kind", sort=False)["doubted"]
    print(doubted.agg(["sum", "count"]).to_string(), "\n")
    _measure_time(images)


def _held_out(images: list[LungImage]) -> tuple[list[LungImage], list[Network]]:
    """The images of the folds that have been trained, and the network that has not seen each of them."""
    trained = {fold: FOLDER / f"fold{fold}.npz" for fold in range(FOLDS) if (FOLDER / f"fold{fold}.npz").is_file()}
    networks = {fold: flip_averaged(LungNetwork(dict(np.load(file)))) for fold, file in trained.items()}
    print(f"Folds trained: {len(networks)} of {FOLDS}\n")
    chosen = [(image, networks[fold]) for image, fold in zip(images, folds_of(images), strict=True) if fold in networks]
    return [image for image, _ in chosen], [network for _, network in chosen]


def _dice(image: LungImage, network: Network) -> dict[str, object]:
    found = segment_lungs(read_image(image.path).grey, network=network).labels > 0
    dice = 2 * (found & image.mask).sum() / (found.sum() + image.mask.sum())
    return {"kind": image.kind, "name": image.path.name, "dice": dice}


def _assessed(case: Case) -> dict[str, object]:
    lungs = segment_lungs(case.radiograph.grey, network=case.network)
    reasons = assess_frontal(lungs, case.radiograph)
    return {"kind": case.kind, "name": case.name, "certainty": lungs.certainty, "reasons": "; ".join(reasons)}


def _cases(images: list[LungImage], networks: list[Network], data: Path) -> Iterator[Case]:
    for image, network in zip(images, networks, strict=True):
        radiograph = read_image(image.path)
        yield Case(image.kind, image.path.name, radiograph, network)
        for kind, grey in _spoilt(radiograph.grey, image.mask):
            yield Case(kind, image.path.name, Radiograph(grey, WITHOUT_HEADER), network)
    for kind, folder in COMPETITIONS.items():
        for path in sorted((data / folder).rglob("*.dcm")):
            yield Case(kind, path.name, read_image(path), shipped_network())
    for kind, name, grey in _other_images(data):
        yield Case(kind, name, Radiograph(grey, WITHOUT_HEADER), shipped_network())


def _spoilt(grey: np.ndarray, mask: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """What is no upright frontal chest any more."""
    rows, columns = grey.shape
    for kind, quarters in (("turned left", 1), ("upside down", 2), ("turned right", 3)):
        yield kind, np.ascontiguousarray(np.rot90(grey, quarters))
    below = int(np.flatnonzero(mask.any(axis=1)).max() + 0.02 * rows)
    if rows - below > rows / 5:
        yield "cut off below the lungs", grey[below:]
    yield "left half", np.ascontiguousarray(grey[:, : columns // 2])
    yield "upper left quarter", np.ascontiguousarray(grey[: rows // 2, : columns // 2])


def _other_images(data: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    folder = Path(skimage.__file__).parent / "data"
    names = [path.name for path in sorted(folder.iterdir()) if path.suffix in (".png", ".jpg")]
    names = [name for name in names if name not in PHOTOGRAPHS]
    for name, grey in zip(names, photographs(names), strict=True):
        yield "photographs", name, grey
    for name in (*CHESTS, "head_ge_tilt"):
        volume = read_volume(data / "ct" / name)
        for slice_number in np.linspace(0, len(volume.hu) - 1, 6).astype(int):
            yield (
                "CT slices",
                f"{name} {slice_number}",
                to_uint8(volume.hu[slice_number].astype(np.float32), -1000, 400),
            )
        for degrees in SIDE_DEGREES:
            yield "scans from the side", f"{name} {degrees}", project(volume, degrees)
        kind = "heads from the front" if name == "head_ge_tilt" else "chest scans from the front (frontal)"
        yield kind, name, project(volume, 0)
    random = np.random.default_rng(0)
    for reach in (0, 5, 10, 15, 20, 25):
        noise = random.normal(size=(512, 512)).astype(np.float32)
        blurred = cv2.GaussianBlur(noise, (0, 0), reach) if reach else noise
        yield "noise", str(reach), to_uint8(blurred, -2 * float(blurred.std()), 2 * float(blurred.std()))
    for level in (0, 128, 255):
        yield "one grey level", str(level), np.full((512, 512), level, np.uint8)


def _measure_time(images: list[LungImage]) -> None:
    for rows in (640, 1024, 2048, 4096):
        grey = cv2.resize(read_image(images[0].path).grey, (rows, rows))
        segment_lungs(grey)
        started = time.process_time()
        for _ in range(10):
            segment_lungs(grey)
        print(f"{rows} × {rows} pixels: {(time.process_time() - started) * 100:.0f} ms of CPU an image")


if __name__ == "__main__":
    main()
