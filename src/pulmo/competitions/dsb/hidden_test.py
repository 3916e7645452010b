"""The competition's files as Kaggle's scorer has them: with another test set, cut from the training data."""

from pathlib import Path

import pandas as pd

from pulmo.competitions.dsb.data import LABELS, SAMPLES, find_scans, labels_of_classes
from pulmo.competitions.dsb.trained_model import read_model
from pulmo.files import located
from pulmo.pipeline.csv_files import write_tables
from pulmo.pipeline.holdout import choose_hidden, place_images

SAMPLE, TEST = next(iter(SAMPLES.items()))
TRAIN = "stage1"


def write_hidden_test(data: Path, folder: Path, solution: Path, seed: int = 0, model: Path | None = None) -> None:
    """Write the files as Kaggle's second stage names them, and the solution that only Kaggle would have.

    Args:
        data: labelled scans of any source, or demo data; only read.
        folder: where the files go; not there yet.
        solution: the file for the test scans' labels.
        seed: chooses them.
        model: the trained model that will predict them; labels are coded as its classes, see `FeatureSettings`.

    Raises:
        UserError: the files contradict each other, or there are too few labelled scans.
    """
    scans = _labelled(data, model)
    known = scans[scans["label"].notna() & ~scans["requested"]].astype({"label": int})
    patient_of = dict(zip(known["id"], known["patient"], strict=True))
    hidden = choose_hidden(known["id"].to_list(), int(scans["requested"].sum()), seed, data, patient_of)
    folders = {name: located(path) for name, path in zip(known["id"], known["folder"], strict=True)}
    there = {name: path for name, path in folders.items() if path.is_dir()}
    place_images(there, hidden, folder / TRAIN, folder / TEST)
    labels = known[["id", "label"]].rename(columns={"label": "cancer"})
    is_hidden = labels["id"].isin(hidden)
    write_tables(
        {
            folder / LABELS: labels[~is_hidden],
            folder / SAMPLE: labels[is_hidden].assign(cancer=0.5),
            solution: labels[is_hidden],
        }
    )


def _labelled(data: Path, model: Path | None) -> pd.DataFrame:
    if model is None:
        return find_scans(data).table
    trained = read_model(model)
    return labels_of_classes(find_scans(data, trained.min_readers), trained.classes)[0]
