"""Boxes on the competition's own X-rays, as many of them as are there: every route in five folds by person, as a table.

    .venv/bin/python benchmarks/real_pneumonia.py --data ../shared/data/rsna-pneumonia-detection-challenge
    .venv/bin/python benchmarks/real_pneumonia.py --only-features --work FOLDER      # then, where no decoder is:
    python benchmarks/real_pneumonia.py --work FOLDER --device gpu                   # --seed N: other folds and weights

The competition's patients are X-rays: a person may have several. `nih_patients.csv` names the person, and nobody stands
on both sides of a fold. The metric is the mean over X-rays that count; thresholds are cross-fitted, gains paired.
Errors are of the X-rays drawn; how much the deal of the folds and the first weights change a score, several seeds tell.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.commands.console import show_table
from pulmo.commands.run import Request, prepare
from pulmo.competition import find_competition
from pulmo.competitions.rsna.cv import VARIANTS, boxes_of
from pulmo.competitions.rsna.oof_predictions import read_out_of_fold
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import Stage, load
from pulmo.scoring.box_precision import box_precision
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
    parser.add_argument("--seed", type=int, default=0)
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
            seed=arguments.seed,
            device=arguments.device,
        )
    )
    dealt = arguments.work / "patients.parquet"
    if not dealt.exists():
        list(run_stages(run, [RSNA.stage("features")]))
        _deal_by_person(run, dealt)
    if not arguments.only_features:
        _train(replace(run, inputs={**run.inputs, "features/image_table": dealt}))


def _deal_by_person(run: Run, path: Path) -> None:
    """Folds anew, stratified as the stage does it, in a file of their own: what a stage left is not to be changed."""
    patients = load(output(run, "features/image_table"))
    people = pd.read_csv(run.paths.data / "nih_patients.csv", dtype=str).set_index("patientId")["nih_patient"]
    person = people.reindex(patients["image"]).fillna(patients["image"].set_axis(patients["image"]))
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
                "variant": row["variant"],
                "score": f"{row['score']:.4f} ± {row['error']:.4f}",
                "gain": f"{row['gain']:+.4f} ± {row['gain_error']:.4f}",
                "X-rays that count": str(row["images_counted"]),
                **_by_fold(run, str(row["variant"])),
            }
            for row in table.to_dict("records")
        ]
    )


def _by_fold(run: Run, variant: str) -> dict[str, str]:
    """The score of each fold's X-rays."""
    inputs = {name: output(run, name) for name in RSNA.cv.reads}
    with tempfile.TemporaryDirectory() as folder:
        said = read_out_of_fold(Stage(RSNA.cv, run.seed, run.paths.data, inputs, Path(folder), None, run.device))
    boxes = boxes_of(next(known for known in VARIANTS if known.name == variant), said)
    scores = box_precision(said.truth, boxes, said.predictions.images)
    return {f"fold {fold}": f"{np.nanmean(scores[said.fold == fold]):.3f}" for fold in np.unique(said.fold)}


if __name__ == "__main__":
    main()
