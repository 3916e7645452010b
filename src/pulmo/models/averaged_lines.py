"""Few-parameter lines of a change over time, fitted by the Laplace likelihood and averaged over choices of columns.

With t the time gone by in years and z the columns that describe a patient, the centre is a + b·t + c·t·z for two
columns at the most, and the standard deviation exp(d + e·ln(1 + weeks/20)). Every choice of columns has its line, which
weighs in the average as much as it is likely for patients that it has not seen (see `pseudo_bma`). An average of lines
is a line: so one is left, in which most columns have next to no weight.

On the competition's patients all columns at once do worse than none: few parameters are what wins there.
"""

from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np

from pulmo.models.pseudo_bma import judged_by_others, shares

WEEKS_A_YEAR = 52.0
WEEKS_OF_NOISE = 20.0
"""Before, two measurements differ mostly by their errors; after, by what happened in between."""
SMOOTHED = 0.1
"""Errors of less than this share of the target's standard deviation count as squares, so that a minimum is found."""
ALWAYS = 2  # the terms that every line has
MOST_COLUMNS = 2


class AveragedLine(NamedTuple):
    """What is left: `intercept`, `per_year`, `per_year_by_column` (columns,), and `share_of_column` (columns,), how
    much the lines weigh that a column bends."""

    intercept: float
    per_year: float
    per_year_by_column: np.ndarray
    share_of_column: np.ndarray


class Changes(NamedTuple):
    """Training examples, a row a pair of visits: weeks between them (rows,), standardised columns (rows, columns),
    the change (rows,) in its own standard deviations, weights (rows,), the patient (rows,), and by which rows the lines
    are compared (rows,) bool."""

    weeks: np.ndarray
    columns: np.ndarray
    change: np.ndarray
    weight: np.ndarray
    patient: np.ndarray
    scored: np.ndarray


def fit_averaged_line(changes: Changes, penalty: float) -> AveragedLine:
    """Fit a line for each choice of columns, and average them.

    Args:
        changes: the training examples.
        penalty: of a column's squared coefficient.
    """
    columns = changes.columns.shape[1]
    choices = [list(choice) for size in range(MOST_COLUMNS + 1) for choice in combinations(range(columns), size)]
    one, years = np.ones_like(changes.weeks), changes.weeks / WEEKS_A_YEAR
    log_sd = np.column_stack([one, np.log1p(changes.weeks / WEEKS_OF_NOISE)])
    centres, likelihoods = np.zeros((len(choices), ALWAYS + columns)), []
    for centre, choice in zip(centres, choices, strict=True):
        terms = np.column_stack([one, years, years[:, None] * changes.columns[:, choice]])
        rows = _Rows(terms, log_sd, changes.change, changes.weight)
        centre[[0, 1, *(ALWAYS + column for column in choice)]] = _fit(rows, penalty).centre
        likelihoods.append(judged_by_others(changes.patient, partial(_judge, rows, penalty)))
    share = shares(np.stack(likelihoods), changes.scored, changes.patient)
    chosen = np.array([[column in choice for column in range(columns)] for choice in choices])
    intercept, per_year, *by_column = share @ centres
    return AveragedLine(float(intercept), float(per_year), np.array(by_column), share @ chosen)


class _Line(NamedTuple):
    centre: np.ndarray
    log_sd: np.ndarray


class _Rows(NamedTuple):
    """What one line is fitted to: the terms of its centre (rows, 2 to 4) and log sd (rows, 2), target and weight."""

    centre: np.ndarray
    log_sd: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    def take(self, rows: np.ndarray) -> "_Rows":
        return _Rows(*(part[rows] for part in self))


def _judge(rows: _Rows, penalty: float, known: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    line, judged = _fit(rows.take(known), penalty), rows.take(held_out)
    log_sd = judged.log_sd @ line.log_sd
    return np.asarray(-np.sqrt(2) * np.abs(judged.target - judged.centre @ line.centre) * np.exp(-log_sd) - log_sd)


def _fit(rows: _Rows, penalty: float) -> _Line:
    """The line of most penalised likelihood; the search starts from nothing, so that it knows these rows alone."""
    from scipy.optimize import minimize  # loaded here: every command imports this module, and few fit models

    count = rows.centre.shape[1]
    share = rows.weight / rows.weight.sum()
    costs = np.where(np.arange(count + 2) >= ALWAYS, penalty, 0.0)
    costs[count:] = 0.0

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        error = rows.target - rows.centre @ values[:count]
        size = np.sqrt(error**2 + SMOOTHED**2)
        log_sd = rows.log_sd @ values[count:]
        inverse = np.sqrt(2) * np.exp(-log_sd)
        by_centre = -rows.centre.T @ (share * inverse * error / size)
        by_log_sd = rows.log_sd.T @ (share * (1 - size * inverse))
        total = share @ (size * inverse + log_sd) + 0.5 * costs @ values**2
        return float(total), np.concatenate([by_centre, by_log_sd]) + costs * values

    found = minimize(
        loss, np.zeros(count + 2), jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-10, "gtol": 1e-6}
    )
    return _Line(found.x[:count], found.x[count:])
