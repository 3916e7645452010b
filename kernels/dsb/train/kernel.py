"""The Data Science Bowl on Kaggle, internet off: the training set in, `model/` and `submission.csv` out."""

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

STAGES = ("features", "train_cnn", "fit_ensemble", "predict")


def main() -> None:
    """Train, fit the ensemble, predict the test set."""
    bundle = dataset_folder("pulmo-dsb-wheels")
    install_missing(bundle / "wheels")
    check_versions(bundle / "wheels")

    from pulmo.commands.run import Request, run_stage  # may need what has just been installed
    from pulmo.competition import find_competition

    dsb = find_competition("dsb")
    data = competition_folder(dsb.kaggle_slug)
    for stage in STAGES:
        run_stage(Request(dsb, data, out=WORKING, work=SCRATCH, preset=PRESET), stage)
    shutil.copytree(SCRATCH / "fit_ensemble" / "model", WORKING / "model", dirs_exist_ok=True)


if __name__ == "__main__":
    quietly(main)
