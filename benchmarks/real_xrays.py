"""Real X-rays: boxes of pneumonia (RSNA), masks of pneumothorax (SIIM) and of opacities (covid-chest-xray), in tables.

    .venv/bin/python benchmarks/real_xrays.py                    # all three, in five folds by person; resumes
    .venv/bin/python benchmarks/real_xrays.py --only rsna --preset few --preset few_scratch
    .venv/bin/python benchmarks/real_xrays.py --only cost        # what a full run costs
    .venv/bin/python benchmarks/real_xrays.py --only-features --work FOLDER     # then, where the data are not:
    python benchmarks/real_xrays.py --data NOWHERE --work FOLDER --device gpu
    .venv/bin/python benchmarks/real_xrays.py --only rsna --preset few:train_detector.frozen_epochs=1 --preset few

Every network predicts people it was not trained on (`nih_patients.csv` tells who); thresholds, weights and the choice
of a method are fitted on the other folds. Gains are paired, image by image, with the last preset's best: the networks
that are trained from random weights. Errors are bootstrapped over people. AP is the average precision of boxes at IoU
0.5, before the threshold of confidence; AUC is of "has a box", by the classifier.
"""

import argparse
import os
from collections.abc import Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import numpy as np

from pulmo.blending.bootstrap import bootstrap_mean, paired_gain
from pulmo.commands.console import show_table
from pulmo.commands.run import Request, prepare
from pulmo.competition import Competition, StageSpec, find_competition
from pulmo.competitions.rsna.cv import ENSEMBLE
from pulmo.competitions.rsna.ensemble import THRESHOLD, Fit, Fitted, Predictions, cross_fit, fit_best, fit_method
from pulmo.competitions.rsna.oof_predictions import OutOfFold, read_out_of_fold
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.settings import load_settings
from pulmo.pipeline.stage import Stage, load
from pulmo.scoring.box_precision import box_precision, mean_precision, overlaps
from pulmo.scoring.boxes import Boxes
from pulmo.scoring.classification import auc, auc_error
from pulmo.training.cost import KAGGLE_HOURS, training_cost

SHARED_DATA = Path("../shared/data")
COVID = "covid-chest-xray"
KAGGLE_FOLDERS = {"rsna": "rsna-pneumonia-detection-challenge", "siim": "siim-acr-pneumothorax-segmentation"}
TASKS = ("rsna", "siim", "opacities", "cost")
PRESETS = {"rsna": ("few", "few_scratch"), "siim": ("few_pretrained", "few"), "opacities": ("few_pretrained", "few")}
"""On a pretrained encoder, and from random weights."""
FULL_SIZES = {"rsna": 26_684, "siim": 12_047}
"""Training images of the competitions."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of the three data sets")
    parser.add_argument("--work", type=Path, default=Path("work") / "benchmarks" / "real_xrays")
    parser.add_argument("--only", choices=TASKS, action="append")
    parser.add_argument(
        "--preset",
        action="append",
        metavar="NAME[:KEY=VALUE,…]",
        help="with settings of its own after the colon; default: see PRESETS; gains are on the last",
    )
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-features", action="store_true")
    arguments = parser.parse_args()
    for task in arguments.only or TASKS:
        if task == "cost":
            show_table(cost_rows(arguments.device))
            continue
        runs = {preset: _trained(task, preset, arguments) for preset in arguments.preset or PRESETS[task]}
        if not arguments.only_features:
            show_table(box_rows(runs) if task == "rsna" else mask_rows(runs, by_size=task == "opacities"))


def _trained(task: str, preset: str, arguments: argparse.Namespace) -> Run:
    """All training stages of a preset; those that are done are skipped."""
    competition = find_competition("siim" if task == "opacities" else task)
    work = arguments.work / task / preset
    data = _opacities_as_siim(arguments) if task == "opacities" else arguments.data / KAGGLE_FOLDERS[task]
    name, _, own = preset.partition(":")
    run = prepare(
        Request(
            competition,
            data if data.is_dir() else work,
            work / "out",
            work,
            preset=name,
            overrides=(*arguments.overrides, *filter(None, own.split(","))),
            seed=arguments.seed,
            device=arguments.device,
        )
    )
    stages = [stage for stage in competition.stages if stage.name == "features" or stage.name.startswith("train_")]
    if not data.is_dir():  # features made elsewhere, of which no digest can tell whether they are of these data
        stages = stages[1:]
    for result in run_stages(run, stages[:1] if arguments.only_features else stages):
        print(f"{task} {preset}: {result.spec.name} {result.manifest.seconds} s", flush=True)
        for note in result.manifest.notes:
            print(f"{task} {preset}: {note}", flush=True)
    return run


def _opacities_as_siim(arguments: argparse.Namespace) -> Path:
    """The opacities of covid-chest-xray by the names of SIIM's files, as links."""
    folder: Path = arguments.work / "opacities" / "data"
    if not folder.is_dir() and (arguments.data / COVID).is_dir():
        folder.mkdir(parents=True)
        (folder / "train-rle.csv").symlink_to((arguments.data / COVID / "opacity_rle.csv").resolve())
        (folder / "dicom-images-train").symlink_to((arguments.data / COVID / "images").resolve())
    return folder


def box_rows(runs: dict[str, Run]) -> list[dict[str, str]]:
    """A row a preset and method; gains on the last preset's ensemble."""
    known = {preset: _out_of_fold(run) for preset, run in runs.items()}
    today = known[list(runs)[-1]]
    reference = _scores(today, fit_best(today.methods))
    rows = []
    for preset, oof in known.items():
        patients, label = oof.image_table["patient"].to_numpy(), oof.image_table["boxes"].to_numpy() > 0
        probability = oof.predictions.probability
        area = f"{auc(label, probability):.3f} ± {auc_error(label, probability):.3f}" if oof.classified else "–"
        fits = {method.name: fit_method(method) for method in oof.methods} | {ENSEMBLE: fit_best(oof.methods)}
        for name, fit in fits.items():
            scores = _scores(oof, fit)
            counted = ~np.isnan(scores)
            mean = bootstrap_mean(scores[counted], patients[counted])
            gain = paired_gain(partial(_mean_of, scores), partial(_mean_of, reference), patients)
            every = cross_fit(oof.predictions, oof.truth, oof.fold, partial(_without_threshold, fit))
            rows.append(
                {
                    "preset": preset,
                    "method": name,
                    "metric": f"{mean.value:.4f} ± {mean.standard_error:.4f}",
                    "AP at 0.5": f"{average_precision(oof.truth, every):.3f}",
                    "AUC": area,
                    "gain": f"{gain.value:+.4f} ± {gain.standard_error:.4f}",
                    "images that count": str(int(counted.sum())),
                    "by fold": " ".join(f"{_mean_of(scores, oof.fold == k):.3f}" for k in np.unique(oof.fold)),
                }
            )
            print(rows[-1], flush=True)
    return rows


def _out_of_fold(run: Run) -> OutOfFold:
    spec: StageSpec = run.competition.cv
    inputs = {name: output(run, name) for name in spec.reads}
    return read_out_of_fold(Stage(spec, run.seed, run.paths.data, inputs, run.paths.work, None, run.device))


def _scores(oof: OutOfFold, fit: Fit) -> np.ndarray:
    """The metric of each image, cross-fitted, (images,); NaN where it does not count."""
    return box_precision(oof.truth, cross_fit(oof.predictions, oof.truth, oof.fold, fit), oof.predictions.images)


def _without_threshold(fit: Fit, predictions: Predictions, truth: Boxes, fold: np.ndarray) -> Fitted:
    fitted = fit(predictions, truth, fold)
    return Fitted(fitted.method, {**fitted.values, THRESHOLD: 0.0, "unmatched": 0.0})


def _mean_of(scores: np.ndarray, rows: np.ndarray) -> float:
    return mean_precision(scores[rows])


def average_precision(truth: Boxes, predicted: Boxes, iou: float = 0.5) -> float:
    """Area under the precision-recall curve of the boxes of all images together.

    In falling confidence, each box takes the free true box of its image with the highest IoU if that is at least `iou`.
    Precision is made to fall with recall first. Source: Everingham et al., Int J Comput Vis 2010; 88: 303.
    """
    free = {image: np.ones(int((truth.image == image).sum()), bool) for image in np.unique(truth.image)}
    hits = np.zeros(len(predicted.image))
    for place in np.argsort(-predicted.confidence, kind="stable"):
        image = predicted.image[place]
        if image in free:
            found = overlaps(predicted.xywh[place : place + 1], truth.xywh[truth.image == image])[0]
            best = int(np.argmax(np.where(free[image], found, -1)))
            if free[image][best] and found[best] >= iou:
                free[image][best], hits[place] = False, 1
    hits = hits[np.argsort(-predicted.confidence, kind="stable")]
    precision = np.maximum.accumulate((hits.cumsum() / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float((precision * hits).sum() / max(1, len(truth.image)))


def mask_rows(runs: dict[str, Run], by_size: bool) -> list[dict[str, str]]:
    """A row a preset and way of thresholding, as `pulmo siim cv` has them; gains on the last preset's best."""
    tables = {}
    for preset, run in runs.items():
        list(run_stages(run, [run.competition.cv]))
        tables[preset] = load(output(run, "cv/images"))
    reference = tables[list(runs)[-1]].iloc[:, -1].to_numpy()
    rows = []
    for preset, table in tables.items():
        area, patients = table["area"].to_numpy(), table["patient"].to_numpy()
        small, large = np.quantile(area[area > 0], [1 / 3, 2 / 3])
        sizes = {
            "none": area == 0,
            "small": (area > 0) & (area <= small),
            "medium": (area > small) & (area <= large),
            "large": area > large,
        }
        for name in table.columns[table.columns.get_loc("sex") + 1 :]:
            dice = table[name].to_numpy()
            mean, gain = bootstrap_mean(dice, patients), bootstrap_mean(dice - reference, patients)
            rows.append(
                {
                    "preset": preset,
                    "method": name,
                    "mean Dice": f"{mean.value:.4f} ± {mean.standard_error:.4f}",
                    "gain": f"{gain.value:+.4f} ± {gain.standard_error:.4f}",
                    "with a lesion": f"{dice[area > 0].mean():.3f}",
                    **{size: f"{dice[which].mean():.3f}" for size, which in sizes.items() if by_size and which.any()},
                    "by fold": " ".join(f"{dice[table['fold'] == k].mean():.3f}" for k in np.unique(table["fold"])),
                }
            )
    return rows


class _Family(NamedTuple):
    """The networks that a stage of a preset trains."""

    competition: Competition
    preset: str
    stage: str


def cost_rows(device: str) -> list[dict[str, str]]:
    """A row a family of networks of presets `full` and `few`, at the full size of the competitions."""
    rows = []
    for family in _families(("full", "few")):
        name = family.competition.name
        config = (resources.files(f"pulmo.competitions.{name}") / "config.toml").read_text()
        settings: Any = load_settings(family.competition.settings, config, family.preset)
        features, network = settings.features, getattr(settings, family.stage)
        if not network.folds:
            continue
        cost = training_cost(network, features.pixels, FULL_SIZES[name], features.folds, device)
        gpus = {f"hours on a {gpu}": f"{hours:.1f}" for gpu, hours in cost.gpu_hours.items()}
        rows.append(
            {
                "competition, preset": f"{name}, {family.preset}, {features.pixels}²",
                "stage": f"{family.stage}, {cost.networks} networks",
                "parameters": f"{cost.parameters:,}",
                "GFLOP an image": f"{cost.gflop:.2f}",
                "s an image here": f"{cost.seconds:.3f}",
                "hours here": f"{cost.hours:.0f}",
                **gpus,
                f"within {KAGGLE_HOURS:g} h": "yes" if max(cost.gpu_hours.values()) < KAGGLE_HOURS else "no",
            }
        )
        print(rows[-1], flush=True)
    return rows


def _families(presets: Sequence[str]) -> list[_Family]:
    competitions = [find_competition(name) for name in FULL_SIZES]
    return [
        _Family(competition, preset, stage.name)
        for competition in competitions
        for preset in presets
        for stage in competition.stages
        if stage.name.startswith("train_")
    ]


if __name__ == "__main__":
    main()
