"""OSIC on Kaggle, internet off: the test set and `model/` in, `submission.csv` out."""

from pulmo.commands.console import quietly
from pulmo.kaggle.runtime import SCRATCH, WORKING, check_versions, competition_folder, dataset_folder, install_missing


def main() -> None:
    """Predict what the sample submission asks for."""
    bundle = dataset_folder("pulmo-osic-model")
    install_missing(bundle / "wheels")
    check_versions(bundle / "wheels")

    from pulmo.commands.run import Request, run_stage  # may need what has just been installed
    from pulmo.competition import find_competition

    osic = find_competition("osic")
    data = competition_folder(osic.kaggle_slug)
    run_stage(Request(osic, data, out=WORKING, work=SCRATCH, model=bundle / "model"), "predict")


if __name__ == "__main__":
    quietly(main)
