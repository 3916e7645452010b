"""Faults of ids: the number of matches, how the others differ, and the remedy; then row by row."""

import pandas as pd
import pytest

from pulmo.scoring.ids import SAME_STAGE, difference, id_faults, shared_rows

WANTED = ["7a", "8b", "9c"]


def faults(ids: list[str], wanted: list[str], others: bool = False) -> list[str]:
    return list(map(str, id_faults(pd.DataFrame({"id": ids}), pd.DataFrame({"id": wanted}), "id", others=others)))


@pytest.mark.parametrize(
    ("ids", "wanted", "words"),
    [
        ([f"{name}.dcm" for name in WANTED], WANTED, "have the ending '.dcm'. Write '7a' for '7a.dcm'"),
        (WANTED, [f"{name}.png" for name in WANTED], "lack the ending '.png'. Write '7a.png' for '7a'"),
        (["7A", "8B", "9C"], WANTED, "have capital letters. Write '7a' for '7A'"),
        (WANTED, ["7A", "8B", "9C"], "lack capital letters. Write '7A' for '7a'"),
        ([f" {name}" for name in WANTED], WANTED, "have whitespace around them. Write '7a' for ' 7a'"),
        ([f"{name}\u00a0" for name in WANTED], WANTED, r"have whitespace around them. Write '7a' for '7a\xa0'"),
        ([f"test/{name}" for name in WANTED], WANTED, "have a folder in front of them. Write '7a' for 'test/7a'"),
        ([f"'{name}'" for name in WANTED], WANTED, "have quotation marks around them. Write '7a' for \"'7a'\""),
        (["1.0", "2.0", "3.0"], ["1", "2", "3"], "have '.0' at their end. Write '1' for '1.0'"),
        (["1", "2", "3"], ["01", "02", "03"], "lack zeros at their start. Write '01' for '1'"),
    ],
)
def test_one_difference_is_named_with_its_remedy(ids: list[str], wanted: list[str], words: str) -> None:
    first, *rows = faults(ids, wanted)
    assert (
        first == f"submission: 0 of its 3 ids are among the 3 of the solution; 3 more differ only because they {words}."
    )
    assert len(rows) == 6


def test_unrelated_ids_are_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = faults(["7a", "x"], WANTED)
    assert first == (
        "submission: 1 of its 2 ids are among the 3 of the solution; the others are like 'x', those of the solution "
        f"like '8b'. {SAME_STAGE}."
    )


def test_a_character_that_looks_like_another_is_named() -> None:
    first, *_ = faults(["7\u0430", "8b", "9c"], WANTED)
    assert "'7\u0430' contains '\u0430' (cyrillic small letter a)" in first


def test_a_submission_may_have_more_ids_than_are_scored() -> None:
    assert faults([*WANTED, "x"], WANTED, others=True) == []
    assert faults(WANTED, [*WANTED, "7a"]) == []


def test_a_repeated_id_is_the_only_fault() -> None:
    assert faults([*WANTED, "7a"], WANTED) == ["submission, row 5, id: '7a' is repeated. Keep one row for each id."]


def test_the_rows_with_ids_in_both() -> None:
    solution = pd.DataFrame({"id": ["1", "2", "2", "3"], "x": [1, 2, 3, 4]})
    submission = pd.DataFrame({"id": [3, 4, 2], "y": [5, 6, 7]})  # numbers, as pandas reads them
    ours, theirs = shared_rows(solution, submission, "id")
    assert ours["x"].tolist() == [2, 3, 4]
    assert theirs["y"].tolist() == [5, 7]


def test_faults_name_the_files_the_tables_were_read_from() -> None:
    submission, sample = pd.DataFrame({"id": ["7a", "x"]}), pd.DataFrame({"id": ["7a", "8b", "8b"]})
    submission.attrs["file"], sample.attrs["file"] = "mine.csv", "sample.csv"
    assert list(map(str, id_faults(submission, sample, "id")))[1:] == [
        "mine.csv: has no row for id '8b'. Add a row for each id of sample.csv.",
        "mine.csv, row 3, id: 'x' is an unknown id: not in sample.csv. Remove the row.",
    ]


def test_the_variation_that_explains_most_ids_is_named() -> None:
    first, *_ = faults(["7A", "8b.png", "9c.png"], WANTED)
    assert "2 more differ only because they have the ending '.png'" in first
    assert difference(["x"], ["y"]) is None


def test_missing_ids_alone_say_how_many_match() -> None:
    first, *rows = faults(["7a", "8b"], WANTED)
    assert first == f"submission: 2 of its 2 ids are among the 3 of the solution. {SAME_STAGE}."
    assert rows == ["submission: has no row for id '9c'. Add a row for each id of the solution."]
