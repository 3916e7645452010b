"""Do CT statistics improve OSIC's score B? On phantoms whose fibrosis drives the decline, by the cv protocol, paired.

    .venv/bin/python benchmarks/osic_ct_statistics.py --patients 140 --seed 0

The same patients, folds and seeds with and without the statistics; the difference row by row, its error by bootstrap
over patients.
"""

import argparse
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

FOLDER = Path("work") / "benchmarks" / "osic_ct_statistics"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=140)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    data = FOLDER / f"{arguments.patients}-{arguments.seed}"
    if not (data / "written").exists():
        settings = PhantomSettings(train_patients=arguments.patients, seed=arguments.seed)
        with bar() as display:
            task = display.add_task("phantom patients")
            write_phantom(
                data,
                data / "solution.csv",
                settings,
                lambda done, total: display.update(task, completed=done, total=total),
            )
        (data / "written").touch()
    without = scores(data, "tables", "features.scan_columns=[]")
    with_scans = scores(data, "tables and scans")
    rows = []
    for model in without.columns:
        patients = without.index.get_level_values("patient").to_numpy()
        gain = bootstrap_mean((with_scans[model] - without[model]).to_numpy(), patients)
        rows.append(
            {
                "model": model,
                "B, tables": f"{without[model].mean():.4f}",
                "B, tables and scans": f"{with_scans[model].mean():.4f}",
                "gain ± paired error": f"{gain.mean:+.4f} ± {gain.standard_error:.4f}",
            }
        )
    show_table(rows)


def scores(data: Path, name: str, *overrides: str) -> pd.DataFrame:
    """Score of each held-out visit (of a patient's last three), one column a model, the repeats' mean."""
    competition = find_competition("osic")
    run = prepare(Request(competition, data=data, work=data / name, out=data / name / "out", overrides=overrides))
    for _ in run_stages(run, [competition.stage("features"), competition.cv]):
        pass
    held_out = pd.read_parquet(output(run, "cv/predictions")).query("is_last_three")
    columns = (held_out[column].to_numpy() for column in ("fvc_true_ml", "fvc_ml", "confidence_ml"))
    return held_out.assign(score=laplace_log_likelihood(*columns)).pivot_table(
        index=["patient", "visit_to"], columns="model", values="score"
    )


if __name__ == "__main__":
    main()
