"""The competition's files as Kaggle's scorer has them: with another test set, cut from the training data."""

from pathlib import Path

from pulmo.competitions.osic.data import cut_hidden_test, read_visits, scan_folders
from pulmo.pipeline.csv_files import write_tables
from pulmo.pipeline.holdout import choose_hidden, place_images


def write_hidden_test(data: Path, folder: Path, solution: Path, seed: int = 0, model: Path | None = None) -> None:
    """Write the files, and the solution that only Kaggle would have.

    Args:
        data: Kaggle's folder, or demo data; only read.
        folder: where the files go; not there yet.
        solution: the file for the test patients' last three visits.
        seed: chooses them.
        model: the trained model that will predict them; not used here.

    Raises:
        UserError: the training data have faults, or too few patients.
    """
    patients = read_visits(data / "train.csv")["patient"].unique().tolist()
    public = read_visits(data / "test.csv")["patient"].nunique()
    hidden = choose_hidden(patients, public, seed, data / "train.csv")
    cut = cut_hidden_test(data / "train.csv", hidden)
    place_images(scan_folders(data / "train", patients), hidden, folder / "train", folder / "test")
    write_tables(
        {
            folder / "train.csv": cut.train,
            folder / "test.csv": cut.test,
            folder / "sample_submission.csv": cut.sample,
            solution: cut.solution,
        }
    )
