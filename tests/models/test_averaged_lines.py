import numpy as np
import pytest

from pulmo.models.averaged_lines import Changes, fit_averaged_line

RNG = np.random.default_rng(0)
PATIENTS, VISITS = 40, 8
WEEKS = np.tile(np.linspace(2, 60, VISITS), PATIENTS)
PATIENT = np.repeat(np.arange(PATIENTS), VISITS)
COLUMNS = np.repeat(RNG.choice([-1.0, 1.0], (PATIENTS, 3)), VISITS, axis=0)
NOISE = 0.3 * RNG.laplace(size=PATIENTS * VISITS)


def changes(change: np.ndarray) -> Changes:
    return Changes(WEEKS, COLUMNS, change, np.ones(len(WEEKS)), PATIENT, WEEKS > 30)


def test_the_line_of_all_is_found() -> None:
    line = fit_averaged_line(changes(-0.2 - 1.5 * WEEKS / 52 + NOISE), penalty=0.1)
    assert (line.intercept, line.per_year) == pytest.approx((-0.2, -1.5), abs=0.1)
    assert line.per_year_by_column == pytest.approx([0, 0, 0], abs=0.05)


def test_the_column_that_bends_it_gets_the_share() -> None:
    line = fit_averaged_line(changes((-1.5 + 0.8 * COLUMNS[:, 1]) * WEEKS / 52 + NOISE), penalty=1e-6)
    assert line.share_of_column[1] == pytest.approx(1, abs=0.01)
    assert line.share_of_column.sum() < 2  # no more than two columns a line
    assert line.per_year_by_column == pytest.approx([0, 0.8, 0], abs=0.1)


def test_two_columns_may_bend_it() -> None:
    change = (-1.5 + 0.8 * COLUMNS[:, 1] - 0.5 * COLUMNS[:, 2]) * WEEKS / 52 + NOISE
    line = fit_averaged_line(changes(change), penalty=1e-6)
    assert line.per_year_by_column == pytest.approx([0, 0.8, -0.5], abs=0.1)


def test_the_penalty_holds_columns_back() -> None:
    line = fit_averaged_line(changes((-1.5 + 0.8 * COLUMNS[:, 1]) * WEEKS / 52 + NOISE), penalty=1e6)
    assert line.per_year_by_column == pytest.approx([0, 0, 0], abs=1e-4)


def test_a_column_that_bends_it_for_one_patient_alone_gets_none() -> None:
    # One patient of forty stands out in a column and declines like no other: nobody else can confirm it.
    odd = np.where(PATIENT == 0, 6.0, -0.15)
    change = -1.5 * WEEKS / 52 - 3 * (PATIENT == 0) + NOISE
    line = fit_averaged_line(changes(change)._replace(columns=odd[:, None]), penalty=1e-6)
    assert line.share_of_column[0] < 0.5


def test_lines_are_compared_by_the_rows_that_are_scored() -> None:
    # The column bends the line of the first weeks alone; by the later ones, which are scored, it is of no use.
    early = np.where(WEEKS < 30, COLUMNS[:, 1], 0.0)
    given = changes(-1.5 * WEEKS / 52 + early + NOISE)
    by_late, by_all = (
        fit_averaged_line(given._replace(scored=rows), 0.1).share_of_column[1] for rows in (WEEKS > 30, WEEKS > 0)
    )
    assert by_late < by_all


def test_rows_in_another_order_give_the_same_line() -> None:
    order = RNG.permutation(len(WEEKS))
    given = changes(-1.5 * WEEKS / 52 + NOISE)
    first = fit_averaged_line(given, penalty=0.1)
    second = fit_averaged_line(Changes(*(part[order] for part in given)), penalty=0.1)
    assert second.per_year == pytest.approx(first.per_year, rel=1e-3)
    assert second.share_of_column == pytest.approx(first.share_of_column, abs=1e-3)
