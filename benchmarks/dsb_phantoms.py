"""The Data Science Bowl's pipeline on phantoms: chest CT in the layouts of Kaggle and LIDC-IDRI, and small-animal MR.

    .venv/bin/python benchmarks/dsb_phantoms.py [--layout kaggle|lidc|mr] [--seed 0] [--keep FOLDER]

Phantoms are drawn, `pulmo dsb run` is run on them, and metrics are printed out of fold and on the hidden test set.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from pulmo.commands.console import show_table
from pulmo.competitions.dsb.evaluation import evaluate
from pulmo.competitions.dsb.phantom import PhantomSettings, write_phantom

PRESETS = {"kaggle": "demo", "lidc": "demo", "mr": "mr"}
SCANS = {"kaggle": (84, 24), "lidc": (108, 0), "mr": (120, 0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layout", choices=SCANS, action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="Folder for data and results; temporary by default.")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for layout in arguments.layout or SCANS:
            rows += measured(layout, arguments.seed, (arguments.keep or Path(temporary)) / layout)
    show_table(rows)


def measured(layout: str, seed: int, folder: Path) -> list[dict[str, str]]:
    data, solution = folder / "data", folder / "solution.csv"
    started = time.perf_counter()
    train, test = SCANS[layout]
    write_phantom(data, solution, PhantomSettings(train, test, seed, layout))  # type: ignore[arg-type]
    drawn = time.perf_counter()
    words = ["dsb", "run", "--data", data, "--work", folder / "work", "--out", folder / "out"]
    subprocess.run(
        [sys.executable, "-m", "pulmo", *map(str, words), "--preset", PRESETS[layout], "--seed", str(seed)], check=True
    )
    ended = time.perf_counter()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{layout}: phantoms {drawn - started:.0f} s, run {ended - drawn:.0f} s, load {load}", flush=True)
    return [row(layout, name, found) for name, found in metrics_of(folder).items()]


def metrics_of(folder: Path) -> dict[str, dict[str, float]]:
    """Metrics by set of scans; the hidden test set is scored against its solution."""
    table = pd.read_parquet(folder / "work/fit_ensemble/metrics.parquet").set_index("set")
    found = {str(name): dict(values) for name, values in table.to_dict("index").items()}
    predictions = pd.read_parquet(folder / "work/predict/predictions.parquet").set_index("id")
    truth = pd.read_csv(folder / "solution.csv").set_index("id")["cancer"].loc[predictions.index]
    patient = predictions["patient"].to_numpy()
    return {**found, "hidden test": evaluate(truth.to_numpy(), predictions["probability"].to_numpy(), patient)}


def row(layout: str, name: str, found: dict[str, float]) -> dict[str, str]:
    return {
        "phantoms": layout,
        "set": name,
        "scans": f"{found['scans']}",
        "log loss": f"{found['log_loss']:.3f} ± {found['log_loss_error']:.3f}",
        "AUC": f"{found['auc']:.3f} ({found['auc_low']:.3f}–{found['auc_high']:.3f})",
        "accuracy": f"{found['accuracy']:.1%} ({found['accuracy_low']:.1%}–{found['accuracy_high']:.1%})",
    }


if __name__ == "__main__":
    main()
