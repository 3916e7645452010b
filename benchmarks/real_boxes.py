"""Boxes on real X-rays: every route in five folds on 100 of them, as a table.

    .venv/bin/python benchmarks/real_boxes.py --data ../shared/data/covid-chest-xray

These are X-rays of patients with COVID-19 and other lung disease (CC BY 4.0), 94 of 100 with an opacity boxed: so the
metric says how well boxes fit, and little about telling the ill from the healthy, which is most of the competition.
Lungs are learned from masks of the same X-rays, out of fold. No figure is demanded; these are what 80 X-rays teach.
"""

import argparse
from pathlib import Path

from pulmo.commands.run import Request, run_cv
from pulmo.competition import find_competition

FOLDER = Path("work") / "benchmarks" / "real_boxes"
AS_KAGGLE_HAS_IT = {
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
    for name, as_kaggle in AS_KAGGLE_HAS_IT.items():
        if not (data / as_kaggle).exists():
            (data / as_kaggle).symlink_to((arguments.data / name).resolve())
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
