"""Boxes on the competition's own X-rays, as many of them as are there: every route in five folds by person, as a table.

    .venv/bin/python benchmarks/real_pneumonia.py --data ../shared/data/rsna-pneumonia-detection-challenge
    .venv/bin/python benchmarks/real_pneumonia.py --only-features --work FOLDER      # then, where no decoder is:
    python benchmarks/real_pneumonia.py --work FOLDER --device gpu

The competition's patients are X-rays: a person may have several. `nih_patients.csv` names the person, and nobody stands
on both sides of a fold. The metric is the mean over X-rays that count; thresholds are cross-fitted, gains paired.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.commands.console import show_table
from pulmo.commands.run import Request, prepare
from pulmo.competition import find_competition
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import load
from pulmo.training.folds import stratified_folds

RSNA = find_competition("rsna")
TRAININGS = ("train_lungs", "train_classifier", "train_segmenter", "train_detector")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/rsna-pneumonia-detection-challenge"))
    parser.add_argument("--work", type=Path, default=Path("work") / "benchmarks" / "real_pneumonia")
    parser.add_argument("--preset", default="few")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument("--only-features", action="store_true")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = arguments.data if arguments.data.is_dir() else arguments.work  # made already: nothing is read from it
    run = prepare(
        Request(
            RSNA,
            data,
            arguments.work / "out",
            arguments.work,
            preset=arguments.preset,
            overrides=tuple(arguments.overrides),
            device=arguments.device,
        )
    )
    if not run.paths.stage("features").exists():
        list(run_stages(run, [RSNA.stage("features")]))
        _deal_by_person(run)
    if not arguments.only_features:
        _train(run)


def _deal_by_person(run: Run) -> None:
    """Folds anew, stratified as the stage does it."""
    path = output(run, "features/patients")
    patients = load(path)
    people = pd.read_csv(run.paths.data / "nih_patients.csv", dtype=str).set_index("patientId")["nih_patient"]
    person = people.reindex(patients["patient"]).fillna(patients["patient"].set_axis(patients["patient"]))
    kinds = patients.groupby(["class", "boxes"]).ngroup().to_numpy()
    folds = stratified_folds(person.to_numpy(str), kinds, int(patients["fold"].max()) + 1, run.seed)
    patients.assign(fold=folds).to_parquet(path)
    print(f"{len(patients)} X-rays of {person.nunique()} people; a fold has {np.bincount(folds)}")


def _train(run: Run) -> None:
    for name in TRAININGS:
        started = time.perf_counter()
        for result in run_stages(run, [RSNA.stage(name)]):
            history = load(output(run, f"{name}/history"))
            if len(history):
                an_epoch = (time.perf_counter() - started) / len(history)
                last = history.groupby("fold").last().mean(numeric_only=True)
                print(
                    f"{name}: {history['fold'].nunique()} folds, {len(history)} epochs of {an_epoch:.2f} s (compiling "
                    f"and prediction included), loss {last['loss']:.3f}, held out {last['monitored_loss']:.3f}",
                    flush=True,
                )
            for note in result.manifest.notes:
                print(f"{name}: {note}", flush=True)
    list(run_stages(run, [RSNA.cv]))
    table = load(output(run, "cv/table"))
    show_table(
        [
            {
                "way": row["way"],
                "score": f"{row['score']:.4f} ± {row['error']:.4f}",
                "gain": f"{row['gain']:+.4f} ± {row['gain_error']:.4f}",
                "X-rays that count": str(row["patients_counted"]),
            }
            for row in table.to_dict("records")
        ]
    )


if __name__ == "__main__":
    main()
