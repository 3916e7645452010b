"""RSNA on Kaggle, internet off: the test set and `model/` in, `submission.csv` out."""

from pulmo.commands.console import quietly
from pulmo.kaggle.runtime import SCRATCH, WORKING, check_versions, competition_folder, dataset_folder, install_missing


def main() -> None:
    """Predict what the sample submission asks for."""
    bundle = dataset_folder("pulmo-rsna-model")
    install_missing(bundle / "wheels")
    check_versions(bundle / "wheels")

    from pulmo.commands.run import Request, run_stage  # may need what has just been installed
    from pulmo.competition import find_competition

    rsna = find_competition("rsna")
    data = competition_folder(rsna.kaggle_slug)
    run_stage(Request(rsna, data, out=WORKING, work=SCRATCH, model=bundle / "model"), "predict")


if __name__ == "__main__":
    quietly(main)
