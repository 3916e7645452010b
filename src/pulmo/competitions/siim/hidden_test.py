"""The competition's files as Kaggle's scorer has them: with another test set, cut from the training data."""

from pathlib import Path

from pulmo.competitions.siim.data import (
    SAMPLES,
    TEST_IMAGES,
    TRAIN_IMAGES,
    TRAIN_TABLES,
    cut_hidden_test,
    image_files,
    read_masks,
    read_sample,
    sample,
    train_table,
)
from pulmo.pipeline.hiding import choose_hidden, place_images


def write_hidden_test(data: Path, folder: Path, solution: Path, seed: int = 0) -> None:
    """Write the files, and what only Kaggle would know.

    Args:
        data: Kaggle's folder, or demo data; only read.
        folder: where the files go, by the second stage's names; not there yet.
        solution: the file for the test images' masks.
        seed: chooses them.

    Raises:
        UserError: the training data have faults, or too few images.
    """
    table = train_table(data)
    public = len(read_sample(sample(data)))
    hidden = choose_hidden(read_masks(table)["image"].to_list(), public, seed, table)
    cut = cut_hidden_test(table, hidden)
    place_images(image_files(data / TRAIN_IMAGES), hidden, folder / TRAIN_IMAGES, folder / TEST_IMAGES[0])
    for path, rows in (
        (folder / TRAIN_TABLES[0], cut.train),
        (folder / SAMPLES[0], cut.sample),
        (solution, cut.solution),
    ):
        rows.to_csv(path, index=False, lineterminator="\n")
