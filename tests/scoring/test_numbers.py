"""Which words are numbers, at the ends of what pandas reads."""

import numpy as np
import pytest

from pulmo.scoring.numbers import explain, only_of_numbers, parse_numbers


def test_the_largest_number_that_is_read() -> None:
    assert parse_numbers(["1e18", "-1e18", "1000000000000000000"]).tolist() == [1e18, -1e18, 1e18]
    assert parse_numbers(["1.001e18", "-1.001e18"]).tolist() == [np.inf, np.inf]
    assert explain("1.001e18") == "is too large"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1 -2.5e3 +4E-7 .5", True),
        ("", True),
        ("0 0.0", True),
        ("1,5", False),
        ("1_0", False),
        ("nan", False),
        ("1\t2", False),
        ("\u0661", False),
        ("00.5", False),
        ("1 00.5", False),
        ("1 +00", False),
        ("1 -00", False),
    ],
)
def test_text_of_numbers_alone(text: str, plain: bool) -> None:
    assert only_of_numbers(text) is plain


def test_leading_zeros_as_far_as_pandas_reads_them() -> None:
    # Of "00" and 16 characters more, pandas reads the first 17 digits alone; of 15 more it reads all.
    assert parse_numbers(["00." + "1" * 14]).tolist() == [float("0." + "1" * 14)]
    assert np.isnan(parse_numbers(["00." + "1" * 15])[0])
    assert np.isnan(parse_numbers(["-00." + "1" * 15])[0])


def test_a_word_that_is_no_number_costs_itself_alone() -> None:
    words = ["1", " 2 ", "1e", "-", "3"]
    assert parse_numbers(words) == pytest.approx([1, 2, np.nan, np.nan, 3], nan_ok=True)
    assert parse_numbers(words, only_of_numbers(" ".join(words))) == pytest.approx(
        [1, 2, np.nan, np.nan, 3], nan_ok=True
    )
    assert parse_numbers([]).tolist() == []
