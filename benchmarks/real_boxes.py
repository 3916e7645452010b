"""Box detection on 100 real X-rays: all methods in five folds, as a table.

    .venv/bin/python benchmarks/real_boxes.py --data ../shared/data/covid-chest-xray

X-rays of patients with COVID-19 and other lung disease (CC BY 4.0), 94 of 100 with a box around an opacity: the metric
measures localization, and hardly classification, which dominates in the competition. Lung segmentation is trained on
masks of the same X-rays, out of fold. Each network is trained on 80 X-rays.
"""

import argparse
from pathlib import Path

from pulmo.commands.run import Request, run_cv
from pulmo.competition import find_competition

FOLDER = Path("work") / "benchmarks" / "real_boxes"
KAGGLE_NAMES = {
    "train_labels.csv": "stage_2_train_labels.csv",
    "images": "stage_2_train_images",
    "lung_rle.csv": "lung_rle.csv",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covid-chest-xray"))
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    arguments = parser.parse_args()
    data = FOLDER / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name, kaggle_name in KAGGLE_NAMES.items():
        if not (data / kaggle_name).exists():
            (data / kaggle_name).symlink_to((arguments.data / name).resolve())
    run_cv(
        Request(
            find_competition("rsna"),
            data,
            FOLDER / "out",
            FOLDER / "work",
            preset="few",
            overrides=tuple(arguments.overrides),
            device=arguments.device,
        )
    )


if __name__ == "__main__":
    main()
