import numpy as np
import pandas as pd

from pulmo.competitions.osic.ensemble import Penalties
from pulmo.competitions.osic.fit_ensemble import cross_fit
from pulmo.models.quantiles import Examples

RNG = np.random.default_rng(0)
PATIENTS, VISITS = 20, 6
ROWS = PATIENTS * VISITS
PATIENT = np.repeat(np.arange(PATIENTS), VISITS)
FOLD = PATIENT % 4
PAIRS = pd.DataFrame({"fvc_from_ml": 3000.0, "gap_weeks": np.tile(np.linspace(2, 60, VISITS), PATIENTS)})
CHANGE = -4 * PAIRS["gap_weeks"].to_numpy() + RNG.laplace(scale=150, size=ROWS)
EXAMPLES = Examples(
    np.column_stack([PAIRS["gap_weeks"], np.repeat(RNG.normal(size=(PATIENTS, 2)), VISITS, axis=0)]),
    CHANGE,
    np.ones(ROWS),
    PATIENT,
    np.tile(np.arange(VISITS) >= VISITS - 3, PATIENTS),
)
MEDIANS = np.stack([-4 * PAIRS["gap_weeks"].to_numpy(), RNG.normal(scale=200, size=ROWS)])
PENALTIES = Penalties(0.01, 0.01)


def test_no_fold_is_forecast_with_anything_fitted_to_it() -> None:
    # What was measured in one fold becomes something else: its own forecasts stay, those of the others do not.
    changed = EXAMPLES._replace(target=np.where(FOLD == 1, 900 * np.sign(CHANGE), CHANGE))
    first = cross_fit(PAIRS, EXAMPLES, MEDIANS, FOLD, PENALTIES)
    second = cross_fit(PAIRS, changed, MEDIANS, FOLD, PENALTIES)
    inside = FOLD == 1
    assert np.array_equal(np.array(first)[:, inside], np.array(second)[:, inside])
    assert (first.confidence_ml[~inside] != second.confidence_ml[~inside]).all()
    assert np.isfinite(first).all()
