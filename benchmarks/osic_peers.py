"""pulmo's OSIC ensemble against published models: the same patients, folds and protocol, each with its own Confidence.

    .venv/bin/python benchmarks/osic_peers.py --data ../shared/data/osic-pulmonary-fibrosis-progression
    … --ct-statistics ../shared/data/osic-pulmonary-fibrosis-progression/published_ct_statistics.csv

Only the first visit of a held-out patient is known. B is the score on each patient's last three visits, A on all later
ones, means over the repeats; `lead` is pulmo's gain over the model, paired by row, with a 95 % interval by bootstrap
over patients.
"""

import argparse
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from osic_peer_models import PEERS
from osic_peer_models.rows import Forecast
from pulmo.blending.bootstrap import bootstrap_mean
from pulmo.commands.console import show_table
from pulmo.competitions.osic.ct_statistics import read_published
from pulmo.competitions.osic.cv import ENSEMBLE, hold_out
from pulmo.competitions.osic.data import read_visits
from pulmo.competitions.osic.features import FVC_PER_VOLUME, training_examples
from pulmo.competitions.osic.settings import Settings
from pulmo.competitions.osic.visit_pairs import CLINICAL_COLUMNS, forward_pairs
from pulmo.pipeline.progress import track
from pulmo.pipeline.settings import load_settings
from pulmo.scoring.laplace import laplace_log_likelihood
from pulmo.training.folds import folds_by_group

OURS = "pulmo"
KEY = ["patient", "visit_to", "is_last_three"]
TRUTH = ["change_ml", "visit_to", "is_last_three"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Kaggle's folder, with train.csv.")
    parser.add_argument(
        "--ct-statistics", type=Path, help="As features.ct_statistics; for all models that accept them."
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    pairs = forward_pairs(read_visits(arguments.data / "train.csv"))
    for statistics in [None] if arguments.ct_statistics is None else [None, read_published(arguments.ct_statistics)]:
        print("With CT statistics" if statistics is not None else "Tabular data alone")
        scores, seconds = compete(pairs, statistics, range(arguments.seed, arguments.seed + arguments.repeats))
        show_table(table(scores, seconds))
        print()


def compete(
    pairs: pd.DataFrame, statistics: pd.DataFrame | None, seeds: range
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The score of every later visit (index KEY) by every model, mean over `seeds`; and the seconds of each model."""
    settings = load_settings(Settings, (resources.files("pulmo.competitions.osic") / "config.toml").read_text())
    ct = pd.DataFrame(index=pd.Index([], name="patient")) if statistics is None else statistics
    examples = training_examples(pairs, ct, ct.columns.to_list())
    described = pairs.merge(ct, on="patient", how="left")
    extra = ct.columns.to_list()
    if "lung_litres" in ct:
        described[FVC_PER_VOLUME] = np.log(described["fvc_from_ml"] / (1000 * described["lung_litres"]))
        extra.append(FVC_PER_VOLUME)
    clinical = [column for column in CLINICAL_COLUMNS if column != "gap_weeks"]
    scores, seconds = [], dict.fromkeys([*(peer.name for peer in PEERS), OURS], 0.0)
    rounds = [(seed, fold) for seed in seeds for fold in range(settings.cv.folds)]
    for seed, fold in track(rounds, "held-out folds", len(rounds)):
        held_out = folds_by_group(pairs["patient"].to_numpy(), settings.cv.folds, seed) == fold
        test = described[held_out & described["is_baseline_pair"]]
        for peer in PEERS:
            begun = time.perf_counter()
            columns = [*clinical, *(extra if peer.takes_ct else [])]
            forecast = peer.fit(described[~held_out], test.drop(columns=TRUTH), columns, seed)
            seconds[peer.name] += time.perf_counter() - begun
            scores.append(_scored(test, forecast, peer.name))
        begun = time.perf_counter()
        rows = hold_out(pairs, examples, held_out, settings, seed)[0]
        seconds[OURS] += time.perf_counter() - begun
        ours = (
            rows[rows["model"] == ENSEMBLE]
            .set_index(["patient", "visit_to"])
            .loc[pd.MultiIndex.from_frame(test[["patient", "visit_to"]])]
        )
        scores.append(_scored(test, Forecast(ours["fvc_ml"].to_numpy(), ours["confidence_ml"].to_numpy()), OURS))
    return pd.concat(scores).pivot_table(index=KEY, columns="model", values="score", aggfunc="mean"), seconds


def table(scores: pd.DataFrame, seconds: dict[str, float]) -> list[dict[str, str]]:
    """One row per model, in order of B: its scores, and pulmo's lead over it."""
    last = scores.index.get_level_values("is_last_three").to_numpy(bool)
    confidences = {peer.name: peer.confidence for peer in PEERS} | {OURS: "fitted"}
    return [
        {
            "model": model,
            "Confidence": confidences[model],
            "B": f"{scores.loc[last, model].mean():.4f}",
            "lead on B": "" if model == OURS else _lead(scores[last], model),
            "A": f"{scores[model].mean():.4f}",
            "lead on A": "" if model == OURS else _lead(scores, model),
            "seconds": f"{seconds[model]:.1f}",
        }
        for model in scores[last].mean().sort_values().index
    ]


def _lead(scores: pd.DataFrame, model: str) -> str:
    lead = bootstrap_mean(
        (scores[OURS] - scores[model]).to_numpy(), scores.index.get_level_values("patient").to_numpy()
    )
    return f"{lead.value:+.4f} ({lead.low:+.4f} to {lead.high:+.4f})"


def _scored(test: pd.DataFrame, forecast: Forecast, model: str) -> pd.DataFrame:
    truth = (test["fvc_from_ml"] + test["change_ml"]).to_numpy()
    score = laplace_log_likelihood(truth, np.asarray(forecast.fvc_ml), np.asarray(forecast.confidence_ml))
    return test[KEY].assign(model=model, score=score)


if __name__ == "__main__":
    main()
