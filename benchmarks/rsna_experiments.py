"""The report's six experiments, each run as a preset, in a table like the report's with the competition's metric.

    .venv/bin/python benchmarks/rsna_experiments.py --data data/rsna-pneumonia-detection-challenge
    .venv/bin/python benchmarks/rsna_experiments.py --data PHANTOM --set features.pixels=64 \\
        --set train_segmenter.base_filters=4

One network per experiment, validated on a tenth of the patients; thresholds are cross-fitted on these. The report's
values are in brackets: best validation accuracy, and images per second on a hosted GPU.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from pulmo.commands.console import show_table
from pulmo.commands.run import Request, prepare
from pulmo.competition import find_competition
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import load

WORK = Path("work") / "benchmarks" / "rsna_experiments"
REPORTED = {
    "report_resnet_base": (0.9739, 10.3),
    "report_resnet_short_head": (0.9451, 10.7),
    "report_resnet_batch_32": (0.5124, 9.6),
    "report_resnet_depth_3": (0.9240, 9.3),
    "report_unet_256": (0.9715, 7.7),
    "report_unet_320": (0.9713, 7.8),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument("--only", choices=REPORTED, action="append")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.only or REPORTED:
        request = Request(
            find_competition("rsna"),
            arguments.data,
            WORK / name / "out",
            WORK / name,
            preset=name,
            overrides=tuple(arguments.overrides),
            device=arguments.device,
        )
        run = prepare(request)
        for result in run_stages(run, run.competition.stages[:-1]):
            print(f"{name}: {result.spec.name} {result.manifest.seconds} s", flush=True)
        rows.append(row_of(name, run))
    show_table(rows)


def row_of(name: str, run: Run) -> dict[str, str]:
    import keras

    settings: Any = run.settings
    validated = load(output(run, "train_segmenter/image_scores"))
    history = load(output(run, "train_segmenter/history"))
    estimate = load(output(run, "fit_ensemble/estimate"))
    network = keras.models.load_model(output(run, "train_segmenter/models") / "fold0.keras", compile=False)
    seconds = json.loads((run.paths.stage("train_segmenter") / "manifest.json").read_text())["seconds"]
    trained_on = len(load(output(run, "features/image_table"))) - len(validated)
    accuracy, speed = REPORTED[name]
    return {
        "experiment": name.removeprefix("report_"),
        "image, batch, epochs": f"{settings.features.pixels}², {settings.train_segmenter.batch}, {len(history)}",
        "parameters": f"{network.count_params():,}",
        "last loss": f"{history['loss'].iloc[-1]:.4f}",
        "pixel accuracy (report)": f"{validated['accuracy'].mean():.4f} ({accuracy:.4f})",
        "of empty masks": f"{validated['background_accuracy'].mean():.4f}",
        "mean IoU": f"{validated['iou'].mean():.4f}",
        "metric": f"{estimate['score']:.4f} ± {estimate['standard_error']:.4f}",
        "images per second, everything included (report)": f"{trained_on * len(history) / seconds:.1f} ({speed})",
    }


if __name__ == "__main__":
    main()
