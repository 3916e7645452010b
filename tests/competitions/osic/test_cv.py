import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.osic.cv import CONSTANT, ENSEMBLE, LINEAR_DECAY, hold_out, score_table
from pulmo.competitions.osic.features import training_examples
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import load
from tests.competitions.osic.support import run_of, settings_of

NO_STATISTICS = pd.DataFrame(index=pd.Index([], name="patient"))


def held_out_forecasts(pairs: pd.DataFrame, held_out: np.ndarray) -> pd.DataFrame:
    return hold_out(pairs, training_examples(pairs, NO_STATISTICS, []), held_out, settings_of(), seed=0)[0]


@pytest.mark.slow
def test_what_is_held_out_tells_nothing_to_any_forecast(finished: Run) -> None:
    pairs = load(output(finished, "features/visit_pairs"))
    held_out = pairs["patient"].isin(pairs["patient"].unique()[:6]).to_numpy()
    # The later visits of the held-out patients become something else altogether.
    changed = pairs.assign(change_ml=np.where(held_out, 777.0, pairs["change_ml"]))
    first, second = held_out_forecasts(pairs, held_out), held_out_forecasts(changed, held_out)
    assert (first["fvc_true_ml"] != second["fvc_true_ml"]).any()
    columns = ["patient", "visit_to", "model", "fvc_ml", "confidence_ml"]
    pd.testing.assert_frame_equal(first[columns], second[columns])
    assert set(first["patient"]) == set(pairs.loc[held_out, "patient"])


@pytest.mark.slow
def test_the_protocol_holds_every_patient_out_once(finished: Run, tmp_path: Path) -> None:
    run = run_of(finished.paths.data, tmp_path)
    shutil.copytree(finished.paths.stage("features"), run.paths.stage("features"))
    (result,) = run_stages(run, [run.competition.cv])
    predictions = load(output(run, "cv/predictions"))
    later = load(output(run, "features/visit_pairs")).query("is_baseline_pair")
    ensemble = predictions[predictions["model"] == ENSEMBLE]
    assert len(ensemble) == len(later)
    assert predictions.groupby("patient")["fold"].nunique().max() == 1
    scores, table = load(output(run, "cv/scores")), load(output(run, "cv/table"))
    assert table["model"].to_list() == [CONSTANT, LINEAR_DECAY, "gbm", "huber", "elastic_net", "lines", ENSEMBLE]
    assert scores["score"] == table.set_index("model").loc[ENSEMBLE, "B"]
    assert sum(scores["mean_weights"].values()) == pytest.approx(1)
    (again,) = run_stages(run, [run.competition.cv])
    assert again.skipped
    assert not result.skipped


def test_scores_of_a_table_worked_out_by_hand() -> None:
    # Confidence 100 and errors of 0 or 100 ml: −ln(√2·100) = −4.951744, less √2·1 where the error is 100.
    rows = [
        ("A", 1, False, LINEAR_DECAY, 100.0),
        ("A", 2, True, LINEAR_DECAY, 100.0),
        ("A", 1, False, ENSEMBLE, 100.0),
        ("A", 2, True, ENSEMBLE, 0.0),
    ]
    predictions = pd.DataFrame(rows, columns=["patient", "visit_to", "is_last_three", "model", "fvc_ml"])
    table = score_table(predictions.assign(fvc_true_ml=0.0, confidence_ml=100.0)).set_index("model")
    assert table.loc[ENSEMBLE, "B"] == pytest.approx(-4.951744)
    assert table.loc[ENSEMBLE, "B gain"] == pytest.approx(1.414214)
    assert table.loc[ENSEMBLE, "A"] == pytest.approx(-4.951744 - 1.414214 / 2)
    assert (table.loc[LINEAR_DECAY, "B gain"], table.loc[LINEAR_DECAY, "A gain"]) == (0, 0)
