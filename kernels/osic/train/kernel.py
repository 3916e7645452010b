"""OSIC on Kaggle, internet off: the training set in, `model/` and `submission.csv` out."""

import shutil

from pulmo.commands.console import quietly
from pulmo.kaggle.runtime import (
    PRESET,
    SCRATCH,
    WORKING,
    check_versions,
    competition_folder,
    dataset_folder,
    install_missing,
)

STAGES = ("features", "train_gbm", "train_linear", "train_cnn", "fit_ensemble", "predict")


def main() -> None:
    """Train every family, fit the ensemble, predict the test set."""
    bundle = dataset_folder("pulmo-osic-wheels")
    install_missing(bundle / "wheels")
    check_versions(bundle / "wheels")

    from pulmo.commands.run import Request, run_stage  # may need what has just been installed
    from pulmo.competition import find_competition

    osic = find_competition("osic")
    data = competition_folder(osic.kaggle_slug)
    for stage in STAGES:
        run_stage(Request(osic, data, out=WORKING, work=SCRATCH, preset=PRESET), stage)
    shutil.copytree(SCRATCH / "fit_ensemble" / "model", WORKING / "model", dirs_exist_ok=True)


if __name__ == "__main__":
    quietly(main)
