import numpy as np
import pytest

from pulmo.models.quantiles import Examples
from pulmo.models.robust_linear import KINDS, Kind, LinearParameters, fit_robust_linear

ALMOST_FREE = LinearParameters(
    huber_epsilon=1.1, huber_alpha=1e-6, elastic_net_alpha=1e-5, elastic_net_l1_ratio=0.5, lines_penalty=0.0
)
RNG = np.random.default_rng(0)
WEEKS = RNG.uniform(0, 104, 300)
SEVERITY = RNG.normal(size=300)
FEATURES = np.column_stack([WEEKS, SEVERITY])


def examples(target: np.ndarray, features: np.ndarray = FEATURES) -> Examples:
    return Examples(features, target, np.ones(len(target)), np.arange(len(target)), np.ones(len(target), bool))


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_that_depends_on_the_patient_is_found(kind: Kind) -> None:
    # Everyone loses 100 ml a year, and 40 ml more for each unit of severity.
    decline = -(100 + 40 * SEVERITY) * WEEKS / 52
    quantiles = fit_robust_linear(examples(decline), kind, ALMOST_FREE).predict(np.array([[52.0, 0.0], [104.0, 1.0]]))
    assert quantiles[:, 1] == pytest.approx([-100, -280], rel=0.02)  # the two outer percents are held


@pytest.mark.parametrize("kind", ["huber", "lines"])
def test_outliers_do_not_bend_it(kind: Kind) -> None:
    decline = -100 * WEEKS / 52
    decline[:15] += 3000
    model = fit_robust_linear(examples(decline), kind, ALMOST_FREE)
    assert model.predict(np.array([[52.0, 0.0]]))[0, 1] == pytest.approx(-100, abs=4)


def test_spread_is_that_of_a_laplace_distribution() -> None:
    # Residuals of ±60 ml whatever the time: mean |residual| 60, so the outer quantiles lie 60·ln 2.5 = 54.98 away.
    sign = np.where(np.arange(300) % 2, 1, -1)
    twice = np.repeat(FEATURES[:150], 2, axis=0)
    model = fit_robust_linear(examples(60.0 * sign, twice), "elastic_net", ALMOST_FREE)
    quantiles = model.predict(np.array([[0.0, 0.0], [104.0, 0.0]]))
    assert quantiles == pytest.approx(np.tile([-54.98, 0, 54.98], (2, 1)), abs=0.05)


def test_the_unknown_counts_as_the_median() -> None:
    severity = np.arange(300.0)
    features = np.column_stack([WEEKS, severity])
    features[severity > 200, 1] = np.nan  # of 0 … 200 the median is 100
    model = fit_robust_linear(examples(severity, features), "elastic_net", ALMOST_FREE)
    unknown, median = model.predict(np.array([[10.0, np.nan], [10.0, 100.0]]))
    assert unknown.tolist() == median.tolist()
    assert median.tolist() != model.predict(np.array([[10.0, 0.0]]))[0].tolist()


def test_a_column_of_which_nothing_is_known_changes_nothing() -> None:
    target = -WEEKS + SEVERITY
    with_nothing = np.column_stack([FEATURES, np.full(300, np.nan)])
    without = fit_robust_linear(examples(target), "elastic_net", ALMOST_FREE).predict(FEATURES)
    with_it = fit_robust_linear(examples(target, with_nothing), "elastic_net", ALMOST_FREE).predict(with_nothing)
    assert with_it == pytest.approx(without, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_measurement_counts_as_the_largest_usual_one(kind: Kind) -> None:
    decline = -(100 + 40 * SEVERITY) * WEEKS / 52
    model = fit_robust_linear(examples(decline), kind, ALMOST_FREE)
    largest = np.percentile(SEVERITY, 98)
    absurd, usual = model.predict(np.array([[52.0, 1e9], [52.0, largest]]))
    assert absurd.tolist() == usual.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_quantiles_never_cross_however_far_away(kind: Kind) -> None:
    noisy = -2 * WEEKS + RNG.normal(size=300) * (50 + WEEKS)
    far = np.column_stack([np.linspace(0, 1000, 200), RNG.normal(scale=20, size=200)])
    assert (np.diff(fit_robust_linear(examples(noisy), kind, ALMOST_FREE).predict(far)) >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_examples_give_the_same_bits(kind: Kind) -> None:
    noisy = -2 * WEEKS + 50 * SEVERITY**3
    first, second = (fit_robust_linear(examples(noisy), kind, ALMOST_FREE) for _ in range(2))
    assert first.coefficients.tobytes() == second.coefficients.tobytes()
    assert first.intercepts.tobytes() == second.intercepts.tobytes()
