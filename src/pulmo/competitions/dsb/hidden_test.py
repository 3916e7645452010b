"""The competition's files as Kaggle's scorer has them: with another test set, cut from the training data."""

from pathlib import Path

from pulmo.competitions.dsb.data import LABELS, SAMPLES, find_scans
from pulmo.pipeline.hiding import choose_hidden, place_images

SAMPLE, TEST = next(iter(SAMPLES.items()))
TRAIN = "stage1"


def write_hidden_test(data: Path, folder: Path, solution: Path, seed: int = 0) -> None:
    """Write the files as Kaggle's second stage names them, and what only Kaggle would know.

    Args:
        data: labelled scans of any source, or demo data; only read.
        folder: where the files go; not there yet.
        solution: the file for the test scans' labels.
        seed: chooses them.

    Raises:
        UserError: the files contradict each other, or there are too few labelled scans.
    """
    scans = find_scans(data).table
    known = scans[scans["label"].notna() & ~scans["asked"]].astype({"label": int})
    hidden = choose_hidden(known["id"].to_list(), int(scans["asked"].sum()), seed, data)
    folders = {name: Path(path) for name, path in zip(known["id"], known["folder"], strict=True)}
    there = {name: path for name, path in folders.items() if path.is_dir()}
    place_images(there, hidden, folder / TRAIN, folder / TEST)
    labels = known[["id", "label"]].rename(columns={"label": "cancer"})
    is_hidden = labels["id"].isin(hidden)
    for path, table in (
        (folder / LABELS, labels[~is_hidden]),
        (folder / SAMPLE, labels[is_hidden].assign(cancer=0.5)),
        (solution, labels[is_hidden]),
    ):
        table.to_csv(path, index=False, lineterminator="\n")
