from pathlib import Path

import pandas as pd
import pytest

from pulmo.competitions.osic.data import (
    cut_hidden_test,
    every_week,
    read_sample,
    read_visits,
    scan_folders,
)
from pulmo.errors import UserError

HEADER = "Patient,Weeks,FVC,Percent,Age,Sex,SmokingStatus"
GOOD = (
    HEADER,
    "B,10,2800,70,65,Female,Never smoked",
    "A,5,3000,80,70,Male,Ex-smoker",
    "A,-4,3100,82,70,Male,Ex-smoker",
    "A,-4,3050,81,70,Male,Ex-smoker",
)


def write(folder: Path, *lines: str, newline: str = "\n", encoding: str = "utf-8") -> Path:
    path = folder / "train.csv"
    path.write_bytes(newline.join((*lines, "")).encode(encoding))
    return path


def faults_of(folder: Path, *rows: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        read_visits(write(folder, HEADER, *rows))
    return [f"{fault.where.partition(', ')[2]}: {fault.what}" for fault in caught.value.faults]


@pytest.mark.parametrize(("newline", "encoding"), [("\n", "utf-8"), ("\r\n", "utf-8-sig")])
def test_visits_come_in_order_of_time_and_the_first_in_the_file_is_the_baseline(
    tmp_path: Path, newline: str, encoding: str
) -> None:
    visits = read_visits(write(tmp_path, *GOOD, newline=newline, encoding=encoding))
    assert visits[["patient", "visit", "week", "fvc_ml"]].to_numpy().tolist() == [
        ["B", 0, 10, 2800],
        ["A", 0, -4, 3100],
        ["A", 1, -4, 3050],
        ["A", 2, 5, 3000],
    ]
    assert visits[["percent", "age_years", "sex", "smoking"]].iloc[1].tolist() == [82, 70, "Male", "Ex-smoker"]


def test_every_fault_is_named_with_its_row(tmp_path: Path) -> None:
    rows = (
        "A,5,two litres,80,70,Male,Ex-smoker",
        "A,6.5,3000,80,70,Male,Ex-smoker",
        "A,7,0,-3,70,Female,Ex-smoker",
        "B,8,2.8,80,70,Male,Sometimes smokes",
        ",9,2800,80,70,Male,Ex-smoker",
    )
    assert sorted(faults_of(tmp_path, *rows)) == [
        "row 2, FVC: 'two litres' is not a finite number",
        "row 3, Weeks: '6.5' is not a whole week",
        "row 4, FVC: '0' is not a forced vital capacity in ml",
        "row 4, Percent: '-3' is not a percentage of the typical FVC",
        "row 4, Sex: 'Female', but 'Male' in the patient's first row",
        "row 5, FVC: '2.8' is not a forced vital capacity in ml",
        "row 5, SmokingStatus: 'Sometimes smokes' is not known",
        "row 6, Patient: is empty",
    ]


def test_age_must_not_change(tmp_path: Path) -> None:
    rows = ("A,5,3000,80,70,Male,Ex-smoker", "A,60,2900,78,71,Male,Ex-smoker")
    assert faults_of(tmp_path, *rows) == ["row 3, Age: '71', but '70' in the patient's first row"]


def test_a_missing_column_and_an_empty_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no column 'SmokingStatus'"):
        read_visits(write(tmp_path, "Patient,Weeks,FVC,Percent,Age,Sex", "A,5,3000,80,70,Male"))
    with pytest.raises(UserError, match="has no visit"):
        read_visits(write(tmp_path, HEADER))
    with pytest.raises(UserError, match="no such file"):
        read_visits(tmp_path / "absent.csv")


def test_sample_ids_may_have_negative_weeks_and_underscores(tmp_path: Path) -> None:
    path = write(tmp_path, "Patient_Week,FVC,Confidence", "A_1_-12,2000,100", "B_133,2000,100")
    assert read_sample(path).to_numpy().tolist() == [["A_1", -12], ["B", 133]]


def test_sample_faults_are_all_named(tmp_path: Path) -> None:
    path = write(tmp_path, "Patient_Week,FVC,Confidence", "A_1,1,1", "A_1,1,1", "A_x,1,1", "12,1,1")
    with pytest.raises(UserError) as caught:
        read_sample(path)
    assert sorted(fault.where.partition(", ")[2] for fault in caught.value.faults) == [
        "row 3, Patient_Week",
        "row 4, Patient_Week",
        "row 5, Patient_Week",
    ]


def test_every_week_is_what_kaggle_asks_for() -> None:
    requested = every_week(["A", "B"])
    assert len(requested) == 2 * 146
    assert requested["week"].agg(["min", "max"]).tolist() == [-12, 133]


def test_only_folders_are_scans(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "B").write_text("not a folder")
    assert scan_folders(tmp_path, ["A", "B", "C"]) == {"A": tmp_path / "A"}
    assert scan_folders(tmp_path / "absent", ["A"]) == {}


def test_a_hidden_test_set_shows_only_the_first_visit(tmp_path: Path) -> None:
    later = [f"A,{week},{3000 - week},75,70,Male,Ex-smoker" for week in (140, 20, 30)]
    hidden = cut_hidden_test(write(tmp_path, *GOOD, *later), ["A"])
    assert hidden.train.to_numpy().tolist() == [["B", 10, 2800, 70, 65, "Female", "Never smoked"]]
    assert hidden.test.to_numpy().tolist() == [["A", -4, 3100, 82, 70, "Male", "Ex-smoker"]]
    assert hidden.solution.to_numpy().tolist() == [["A_20", 2980], ["A_30", 2970], ["A_140", 2860]]
    assert hidden.sample["Patient_Week"].tolist() == [f"A_{week}" for week in range(-12, 141)]
    with pytest.raises(UserError, match="has no patient 'Z'"):
        cut_hidden_test(tmp_path / "train.csv", ["A", "Z"])


def test_a_cut_can_be_read_again(tmp_path: Path) -> None:
    hidden = cut_hidden_test(write(tmp_path, *GOOD), ["A"])
    for name, table in (("train", hidden.train), ("test", hidden.test)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    both = pd.concat([read_visits(tmp_path / "train.csv"), read_visits(tmp_path / "test.csv")])
    assert both["fvc_ml"].tolist() == [2800, 3100]


def test_the_real_files(osic_data: Path) -> None:
    visits = read_visits(osic_data / "train.csv")
    assert (len(visits), visits["patient"].nunique()) == (1231, 140)
    # Two visits in one week: the file's first, 1375 ml, is the baseline.
    twice = visits[visits["patient"] == "ID00048637202185016727717"].head(2)
    assert twice[["week", "fvc_ml"]].to_numpy().tolist() == [[9, 1375], [9, 1477]]
    assert len(read_sample(osic_data / "sample_submission.csv")) == 438


def test_the_ends_of_every_range_are_allowed(tmp_path: Path) -> None:
    rows = ("A,-1000,100,1,1,Male,Ex-smoker", "B,1000,10000,400,120,Female,Currently smokes")
    visits = read_visits(write(tmp_path, HEADER, *rows))
    assert visits["week"].tolist() == [-1000, 1000]
    assert list(visits) == ["patient", "visit", "week", "fvc_ml", "percent", "age_years", "sex", "smoking"]
    low = "A,-1001,99,0.9,0.9,Male,Ex-smoker"
    high = "B,1001,10001,400.1,121,Female,Never smoked"
    meanings = {
        "Weeks": "a week counted from the CT",
        "FVC": "a forced vital capacity in ml",
        "Percent": "a percentage of the typical FVC",
        "Age": "an age in years",
    }
    words = {"Weeks": ("-1001", "1001"), "FVC": ("99", "10001"), "Percent": ("0.9", "400.1"), "Age": ("0.9", "121")}
    assert sorted(faults_of(tmp_path, low, high)) == sorted(
        f"row {row + 2}, {column}: {words[column][row]!r} is not {meaning}"
        for column, meaning in meanings.items()
        for row in (0, 1)
    )


def test_a_week_that_is_no_number_is_named_once(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "A,soon,3000,80,70,Male,Ex-smoker") == ["row 2, Weeks: 'soon' is not a finite number"]


def test_the_ids_of_a_sample(tmp_path: Path) -> None:
    path = write(tmp_path, "Patient_Week", "A_9999", "A_-9999", "A_10000", "_5", "A_1.5", "A_")
    with pytest.raises(UserError) as caught:
        read_sample(path)
    assert [str(fault).removeprefix(f"{path}, ") for fault in caught.value.faults] == [
        f"row {row}, Patient_Week: {id_!r} is no id. Write <Patient>_<week>, a whole week."
        for row, id_ in ((4, "A_10000"), (5, "_5"), (6, "A_1.5"), (7, "A_"))
    ]
    with pytest.raises(UserError, match="has no row"):
        read_sample(write(tmp_path, "Patient_Week"))


def test_every_week_comes_week_by_week() -> None:
    requested = every_week(["A", "B"])
    assert requested.iloc[:3].to_numpy().tolist() == [["A", -12], ["B", -12], ["A", -11]]
    assert requested.iloc[-1].tolist() == ["B", 133]


def test_a_hidden_test_set_in_kaggle_s_columns(tmp_path: Path) -> None:
    odd = ("C,-30,2500,60.5,50,Male,Ex-smoker", "C,-20,2400.5,60,50,Male,Ex-smoker")
    hidden = cut_hidden_test(write(tmp_path, *GOOD, *odd), ["B"])
    # Weeks as far as any patient was seen, B's alone, and cells as the sample has them.
    assert hidden.sample["Patient_Week"].tolist() == [f"B_{week}" for week in range(-30, 134)]
    assert set(hidden.sample["FVC"]) == {2000}
    assert set(hidden.sample["Confidence"]) == {100}
    assert hidden.solution.empty  # B has one visit
    # A fraction in any row keeps the column's numbers as they are; whole ones have no decimal point.
    assert hidden.test.to_csv(index=False).splitlines() == [HEADER, "B,10,2800,70.0,65,Female,Never smoked"]
    assert hidden.train.to_csv(index=False).splitlines()[-1] == "C,-20,2400.5,60.0,50.0,Male,Ex-smoker"
    with pytest.raises(UserError) as caught:
        cut_hidden_test(tmp_path / "train.csv", ["Z", "A", "Y"])
    assert [fault.what for fault in caught.value.faults] == ["has no patient 'Y'", "has no patient 'Z'"]
