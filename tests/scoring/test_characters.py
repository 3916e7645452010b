"""Characters that programs read differently than people do."""

import pytest

from pulmo.scoring.characters import odd_character, odd_word


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a ~!", None),
        ("", None),
        ("a b~\tc\n", "a tab"),
        ("\ufeffa", "a byte order mark"),
        ("a\x7f", "the control character 0x7f"),
        ("a\x01", "the control character 0x01"),
        ("µ", "'µ' (micro sign)"),
    ],
)
def test_the_first_odd_character_is_named(text: str, name: str | None) -> None:
    assert odd_character(text) == name


def test_the_word_with_it_is_quoted_as_far_as_it_is_short() -> None:
    assert odd_word("1 2") is None
    assert odd_word("1 2\t 3\r") == r"'2\t' contains a tab"
    assert odd_word("é" * 40) == f"'{'é' * 40}' contains 'é' (latin small letter e with acute)"
    assert odd_word("é" * 41) == f"'{'é' * 40}…' contains 'é' (latin small letter e with acute)"
