"""OSIC's submission format and solutions, in cells worked out by hand."""

from pathlib import Path

import pandas as pd
import pytest

from pulmo.competitions.osic.submission import blend, patient_of, patients, read_solution, to_submission
from pulmo.errors import UserError
from pulmo.scoring.tables import notes_of


def test_predictions_become_kaggle_s_table() -> None:
    predictions = pd.DataFrame(
        {"Patient": ["a_1", "b"], "Weeks": [-12.0, 133.0], "FVC": [2000.12345, 1999.9996], "Confidence": [70.0, 0.0006]}
    )
    assert to_submission(predictions).to_numpy().tolist() == [["a_1_-12", 2000.123, 70], ["b_133", 2000, 0.001]]


def test_the_week_follows_the_last_underscore() -> None:
    assert [patient_of(row) for row in ("a_1_-12", "b_133", "c")] == ["a_1", "b", ""]
    assert patients(pd.DataFrame({"Patient_Week": ["a_1_-12", "b_5"]}), None).of_row.tolist() == ["a_1", "b"]


def test_of_a_table_of_visits_the_last_three_count_and_never_the_first(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    # a: five visits, not in order of time; b: two; c: one, which the competition shows; d: three.
    rows = [("a", 30, 5), ("a", 0, 1), ("a", 9, 3), ("a", 20, 4), ("a", 5, 2), ("b", 8, 7), ("b", 1, 6), ("c", 2, 8)]
    rows += [("d", 1, 9), ("d", 2, 10), ("d", 3, 11)]
    path.write_text("Patient,Weeks,FVC\n" + "".join(f"{patient},{week},{fvc}\n" for patient, week, fvc in rows))
    solution = read_solution(path)
    assert dict(zip(solution["Patient_Week"], solution["FVC"], strict=True)) == {
        **{"a_9": 3, "a_20": 4, "a_30": 5, "b_8": 7},
        **{"d_2": 10, "d_3": 11},
    }
    assert solution.index.tolist() == list(range(6))
    (note,) = notes_of(solution)
    assert note.startswith(f"{path} is a table of all visits: only each patient's last 3 count, never the first.")


def test_a_solution_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "solution.csv"
    path.write_text("Patient_Week,FVC,Usage\na_5 ,2000,Public\na_9,1900.5,Private\n")
    solution = read_solution(path)
    assert solution.to_numpy().tolist() == [["a_5", 2000], ["a_9", 1900.5]]
    assert notes_of(solution) == [f"{path}: spaces around values are ignored"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Patient_Week,FVC\na_5,two\n", "row 2, FVC: 'two' is not a finite number"),
        ("Patient_Week,Confidence\na_5,2\n", "has no column 'FVC'"),
        ("Patient,FVC\na,2\n", "has no column 'Weeks'"),
        ("Patient,Weeks,FVC\na,1,2\na,x,2\n", "row 3, Weeks: 'x' is not a finite number"),
        ("Patient,Weeks,FVC\na,1,2\na,2,x\n", "FVC: 'x' is not a finite number"),
    ],
)
def test_a_faulty_solution_is_refused(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "solution.csv").write_text(content)
    with pytest.raises(UserError) as refused:
        read_solution(tmp_path / "solution.csv")
    assert words in str(refused.value)


def test_forecasts_are_averaged_by_id() -> None:
    first = pd.DataFrame({"Patient_Week": ["a_1", "b_1"], "FVC": ["2000", "3000"], "Confidence": [100, 200]})
    second = pd.DataFrame({"Patient_Week": ["b_1", "a_1"], "FVC": [2600, 2400], "Confidence": ["120", "180"]})
    found = blend([first, second], [3, 1])
    assert found.to_numpy().tolist() == [["a_1", 2100, 120], ["b_1", 2900, 180]]
    assert list(found) == ["Patient_Week", "FVC", "Confidence"]


def test_a_blend_is_written_without_the_rounding_of_floats() -> None:
    tables = [pd.DataFrame({"Patient_Week": ["a_1"], "FVC": [fvc], "Confidence": [200]}) for fvc in (2000.1, 210.1)]
    found = blend(tables, [0.4, 0.6])
    assert 0.4 * 2000.1 + 0.6 * 210.1 == 926.0999999999999
    assert found.to_csv(index=False) == "Patient_Week,FVC,Confidence\na_1,926.1,200.0\n"
