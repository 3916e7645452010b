"""Gain of scans in OSIC's score B, on phantoms with a decline driven by fibrosis, by the cv protocol, paired.

    .venv/bin/python benchmarks/osic_scans.py --patients 200 --seed 0 --set train_cnn.epochs=10

The same patients, folds and seeds with tabular data alone, with CT statistics, and with the network; paired differences
by row, with standard errors by bootstrap over patients.
"""

import argparse
import os
from pathlib import Path

import pandas as pd

from pulmo.blending.bootstrap import bootstrap_mean
from pulmo.commands.console import show_table
from pulmo.commands.run import Request, prepare
from pulmo.competition import find_competition
from pulmo.competitions.osic.phantom import PhantomSettings, write_phantom
from pulmo.pipeline.progress import bar
from pulmo.pipeline.runner import output, run_stages
from pulmo.scoring.laplace import laplace_log_likelihood

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the stages import Keras
FOLDER = Path("work") / "benchmarks" / "osic_scans"
NO_NETWORK = "train_cnn.minimum_scans=100000"
WITHOUT = {
    "tables": ("features.scan_columns=[]", NO_NETWORK),
    "+ CT statistics": (NO_NETWORK,),
    "+ network": (),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--set", action="append", default=[], help="Override a setting for all three, as in `pulmo osic cv`."
    )
    arguments = parser.parse_args()
    data = _phantoms(arguments.patients, arguments.seed)
    found = {name: scores(data, name, (*without, *arguments.set)) for name, without in WITHOUT.items()}
    rows = []
    for model in found["+ network"].columns:
        row = {"model": model}
        before = None
        for name, table in found.items():
            now = table.get(model)
            row[f"B, {name}"] = "" if now is None else f"{now.mean():.4f}"
            if before is not None and now is not None:
                gain = bootstrap_mean((now - before).to_numpy(), now.index.get_level_values("patient").to_numpy())
                row[f"gain of {name[2:]}"] = f"{gain.value:+.4f} ± {gain.standard_error:.4f}"
            before = now
        rows.append({title: row.get(title, "") for title in _titles()})
    show_table(rows)


def _titles() -> list[str]:
    tables, *more = WITHOUT
    return ["model", f"B, {tables}", *(title for name in more for title in (f"B, {name}", f"gain of {name[2:]}"))]


def _phantoms(patients: int, seed: int) -> Path:
    data = FOLDER / f"{patients}-{seed}"
    if not (data / "written").exists():
        with bar() as display:
            task = display.add_task("phantom patients")
            write_phantom(
                data,
                data / "solution.csv",
                PhantomSettings(train_patients=patients, seed=seed),
                lambda done, total: display.update(task, completed=done, total=total),
            )
        (data / "written").touch()
    return data


def scores(data: Path, name: str, overrides: tuple[str, ...]) -> pd.DataFrame:
    """Score of each held-out visit (a patient's last three), one column per model, mean over repeats."""
    competition = find_competition("osic")
    work = data / name.strip("+ ")
    run = prepare(Request(competition, data=data, work=work, out=work / "out", overrides=overrides))
    for result in run_stages(run, [competition.stage("features"), competition.cv]):
        print(f"{name}: {result.spec.name}, {result.manifest.seconds:.0f} s", flush=True)
    held_out = pd.read_parquet(output(run, "cv/predictions")).query("is_last_three")
    columns = (held_out[column].to_numpy() for column in ("fvc_true_ml", "fvc_ml", "confidence_ml"))
    return held_out.assign(score=laplace_log_likelihood(*columns)).pivot_table(
        index=["patient", "visit_to"], columns="model", values="score"
    )


if __name__ == "__main__":
    main()
