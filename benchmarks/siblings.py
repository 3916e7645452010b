"""People with several X-rays in RSNA's and SIIM's training sets: what folds by image leak, and folds by patient do not.

    .venv/bin/python benchmarks/siblings.py        # about a minute

Kaggle's ids name images; `nih_patients.csv` names the people (../shared). The folds are those of the stage `features`,
by image and by patient, mean over seeds:

- siblings: images of which another one, of the same patient, is in another fold, so that the network that predicts the
  image was trained on its sibling;
- leak: the AUC of the finding (a box, a pneumothorax) for a predictor that sees no pixel, and gives an image the share
  of its siblings in the other folds that have the finding: what recognising the patient is worth;
- recognised (images that are here): of the images with a sibling in another fold, the share whose nearest image of the
  other folds, by the correlation of 32 × 32 pixels, is a sibling, and what chance would give.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.commands.console import show_table
from pulmo.competitions.rsna.data import TRAIN_IMAGES as RSNA_IMAGES
from pulmo.competitions.rsna.data import read_labels
from pulmo.competitions.rsna.features import kinds_of_patient
from pulmo.competitions.siim.data import TRAIN_IMAGES as SIIM_IMAGES
from pulmo.competitions.siim.data import read_masks, train_table
from pulmo.competitions.siim.features import kinds_of_area
from pulmo.imaging.radiograph import read_radiograph, resized
from pulmo.radiographs.files import ImageFolder, find_images
from pulmo.scoring.classification import auc
from pulmo.scoring.patients import find_patients
from pulmo.scoring.rle import area, parse
from pulmo.training.folds import stratified_folds

FOLDS = 5
PIXELS = 32


class Images(NamedTuple):
    """A training set.

    Attributes:
        folder: of the image files.
        table: a row an image: `image`, `patient`, `positive`, and `kind by image` and `kind by patient`, the stratum of
            its fold.
    """

    folder: ImageFolder
    table: pd.DataFrame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    rows = []
    for name, images in {"rsna": rsna(arguments.data), "siim": siim(arguments.data)}.items():
        here = images.table[images.table["image"].isin(find_images(images.table["image"], images.folder))]
        for what, table in ((f"{name}, all", images.table), (f"{name}, files here", here.reset_index(drop=True))):
            pixels = thumbnails(table["image"], images.folder) if table is not images.table else None
            rows += [row_of(what, table, by, arguments.seeds, pixels) for by in ("image", "patient")]
    show_table(rows)


def rsna(data: Path) -> Images:
    """RSNA's training set by its tables."""
    folder = data / "rsna-pneumonia-detection-challenge"
    table = with_patients(read_labels(folder).images, folder, "patientId")
    by_image = table.assign(patient=table["image"])
    kinds = {"kind by image": kinds_of_patient(by_image), "kind by patient": kinds_of_patient(table)}
    table = table.assign(positive=table["boxes"] > 0, **kinds)
    return Images(ImageFolder(folder / RSNA_IMAGES), table)


def siim(data: Path) -> Images:
    """SIIM's training set by its tables."""
    folder = data / "siim-acr-pneumothorax-segmentation"
    table = with_patients(read_masks(train_table(folder)), folder, "ImageId")
    pixels = area(parse(table["rle"].to_list()))
    kinds = kinds_of_area(pixels)
    table = table.assign(positive=pixels > 0, **{"kind by image": kinds, "kind by patient": kinds})
    return Images(ImageFolder(folder / SIIM_IMAGES), table)


def with_patients(images: pd.DataFrame, folder: Path, row_id: str) -> pd.DataFrame:
    """The images with their `patient`, an image that the table lacks being a patient of its own."""
    known = find_patients(folder, row_id)
    if known is None:
        raise SystemExit(f"{folder} has no table of patients")
    return images.assign(patient=images["image"].map(known.of_image).fillna(images["image"]))


def thumbnails(images: pd.Series, folder: ImageFolder) -> np.ndarray:
    """The images at PIXELS a side, of mean 0 and length 1, float64 (images, PIXELS²)."""
    files = find_images(images, folder)
    small = np.stack([resized(read_radiograph(files[image]).grey, PIXELS).ravel() for image in images]).astype(float)
    small -= small.mean(axis=1, keepdims=True)
    return np.asarray(small / np.linalg.norm(small, axis=1, keepdims=True))


def row_of(what: str, table: pd.DataFrame, by: str, seeds: int, pixels: np.ndarray | None) -> dict[str, str]:
    """One row of the printed table: means over seeds, ± their standard deviation where it is not 0."""
    found = pd.DataFrame([measures(table, by, seed, pixels) for seed in range(seeds)])
    several = int(table["patient"].duplicated(keep=False).sum())
    return {
        "X-rays": f"{what}: {len(table):,} of {table['patient'].nunique():,} people, {several:,} with a sibling",
        "folds by": by,
        "sibling in another fold": words(found["siblings"], ",.0f") + f" ({found['siblings'].mean() / len(table):.1%})",
        "leak, AUC": words(found["leak"], ".3f"),
        "recognised (by chance)": "–"
        if found["recognised"].isna().all()
        else f"{words(found['recognised'], '.2f')} ({found['chance'].mean():.3f})",
    }


def words(values: pd.Series, form: str) -> str:
    deviation = values.std(ddof=1)
    return f"{values.mean():{form}}" + (f" ± {deviation:{form}}" if deviation > 0 else "")


def measures(table: pd.DataFrame, by: str, seed: int, pixels: np.ndarray | None) -> dict[str, float]:
    """With the folds of one seed: images with a sibling in another fold, the leak, and the share recognised."""
    fold = stratified_folds(table[by].to_numpy(str), table[f"kind by {by}"].to_numpy(), FOLDS, seed)
    group = table.assign(fold=fold).groupby("patient")["positive"]
    same = table.assign(fold=fold).groupby(["patient", "fold"])["positive"]
    others = (group.transform("size") - same.transform("size")).to_numpy()
    positives = (group.transform("sum") - same.transform("sum")).to_numpy()
    base = float(table["positive"].mean())
    predicted = np.where(others > 0, positives / np.maximum(others, 1), base)
    split = others > 0
    result = {
        "siblings": float(split.sum()),
        "leak": float(auc(table["positive"].to_numpy(np.int64), predicted)),
        "recognised": np.nan,
        "chance": np.nan,
    }
    if pixels is not None and split.any():
        apart = fold[split, None] != fold[None, :]
        likeness = np.where(apart, pixels[split] @ pixels.T, -np.inf)
        patient = pd.factorize(table["patient"])[0]
        result["recognised"] = float((patient[likeness.argmax(axis=1)] == patient[split]).mean())
        result["chance"] = float((others[split] / apart.sum(axis=1)).mean())
    return result


if __name__ == "__main__":
    main()
