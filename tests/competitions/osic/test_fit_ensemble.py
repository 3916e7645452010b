import numpy as np
import pandas as pd

from pulmo.competitions.osic.confidence import ConfidencePrior
from pulmo.competitions.osic.ensemble import Penalties
from pulmo.competitions.osic.fit_ensemble import cross_fit

RNG = np.random.default_rng(0)
PATIENTS, VISITS = 20, 6
ROWS = PATIENTS * VISITS
FOLD = np.repeat(np.arange(PATIENTS), VISITS) % 4
WEEKS = np.tile(np.linspace(2, 60, VISITS), PATIENTS)
CHANGE = -4 * WEEKS + RNG.laplace(scale=150, size=ROWS)
PAIRS = pd.DataFrame(
    {
        "fvc_from_ml": 3000.0,
        "gap_weeks": WEEKS,
        "male": np.repeat(RNG.integers(0, 2, PATIENTS), VISITS),
        "change_ml": CHANGE,
    }
)
MEDIANS = np.stack([-4 * WEEKS, RNG.normal(scale=200, size=ROWS)])
PENALTIES = Penalties(0.01, ConfidencePrior(0.01, 0.01))


def test_no_fold_is_forecast_with_anything_fitted_to_it() -> None:
    # What was measured in one fold becomes something else: its own forecasts stay, those of the others do not.
    inside = FOLD == 1
    changed = PAIRS.assign(change_ml=np.where(inside, 900 * np.sign(CHANGE), CHANGE))
    first, second = (cross_fit(pairs, MEDIANS, FOLD, PENALTIES) for pairs in (PAIRS, changed))
    assert np.array_equal(np.array(first)[:, inside], np.array(second)[:, inside])
    assert (first.confidence_ml[~inside] != second.confidence_ml[~inside]).all()
    assert np.isfinite(first).all()
