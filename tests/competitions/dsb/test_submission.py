"""Kaggle's files of the Data Science Bowl, as their users score, check and blend them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.dsb.submission import blend, check_predictions, patients, read_solution, to_submission
from pulmo.competitions.dsb.trained_model import Calibration
from pulmo.errors import UserError
from tests.support import run_pulmo


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "solution.csv").write_text("id,cancer,Usage\na,1,Public\nb,0,Private\n")
    (tmp_path / "mine.csv").write_text("\ufeffid,cancer\r\nb,0.5\r\na,0.25\r\n")
    (tmp_path / "sure.csv").write_text("id,cancer\na,0.75\nb,0.1\n")
    return tmp_path


def test_the_score_stands_alone_on_the_last_line(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_pulmo(capsys, "dsb", "score", files / "mine.csv", "--solution", files / "solution.csv")
    assert (code, out.splitlines()[-1]) == (0, "1.039721")  # (ln 4 + ln 2) / 2


def test_what_kaggle_would_refuse_is_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "bad.csv").write_text("id,cancer\na,1.25\nd,0.5\n")
    code, out, _ = run_pulmo(capsys, "dsb", "validate", files / "mine.csv", "--sample", files / "sure.csv")
    assert (code, "valid, 2 rows" in out) == (0, True)
    code, _, err = run_pulmo(capsys, "dsb", "validate", files / "bad.csv", "--sample", files / "sure.csv")
    assert code == 1
    assert "row 2, cancer: '1.25' is no probability" in err
    assert "has no row for id 'b'" in err
    assert "'d' is an unknown id" in err


def test_logits_are_averaged(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = files / "blend.csv"
    words = ("dsb", "blend", files / "mine.csv", files / "sure.csv", "--out", out, "--weights", "3,1")
    assert run_pulmo(capsys, *words)[0] == 0
    found = pd.read_csv(out).set_index("id")["cancer"]
    # a: odds 1/3 and 3 → (1/3)^¾ · 3^¼ = 3^-½; b: odds 1 and 1/9 → 9^-¼ = 3^-½
    expected = 3**-0.5 / (1 + 3**-0.5)
    assert found.to_dict() == {"b": pytest.approx(expected), "a": pytest.approx(expected)}
    assert found.index.tolist() == ["b", "a"]


def test_a_file_alone_comes_back_and_certainty_stays_finite() -> None:
    table = pd.DataFrame({"id": ["a", "b", "c"], "cancer": ["0", "1", "0.3"]})
    assert blend([table], [2.0])["cancer"].tolist() == pytest.approx([0, 1, 0.3], abs=1e-14)


def test_a_solution_with_another_label_is_refused(files: Path) -> None:
    (files / "odd.csv").write_text("id,cancer\na,0.5\na,1\n")
    with pytest.raises(UserError, match=r"row 2, cancer: '0\.5' is neither 0 nor 1\.?(.|\n)*'a' is repeated"):
        read_solution(files / "odd.csv")


def test_predictions_become_kaggle_s_table() -> None:
    table = to_submission(pd.DataFrame({"id": ["x", "y"], "probability": [1 / 3, 0.25], "logit": [0.0, 0.0]}))
    assert table.to_csv(index=False, lineterminator="\n") == "id,cancer\nx,0.3333333333333333\ny,0.25\n"


@pytest.mark.parametrize("logit", [-800.0, -40.0, -14.0, 14.0, 40.0, 800.0])
def test_no_probability_is_written_as_0_or_1(logit: float, tmp_path: Path) -> None:
    probability = Calibration(1.0, 0.0, 0.5).probability(np.array([logit]))
    table = to_submission(pd.DataFrame({"id": ["x"], "probability": probability}))
    table.to_csv(tmp_path / "submission.csv", index=False)
    text = (tmp_path / "submission.csv").read_text().split(",")[-1]
    assert 0 < float(text) < 1
    assert (float(text) > 0.5) == (logit > 0)
    assert float(blend([table.astype({"cancer": str})], [1.0])["cancer"].iloc[0]) not in (0.0, 1.0)


def test_the_patient_is_the_id_and_only_probabilities_are_accepted() -> None:
    table = pd.DataFrame({"id": ["b", "a"], "cancer": [0, 1]})
    found = patients(table, None)
    assert (found.of_row.tolist(), found.notes) == (["b", "a"], ())
    assert check_predictions(table) == []
    (fault,) = check_predictions(table.assign(cancer=np.array([0.5, 1.01])))
    assert str(fault) == "submission, row 3, cancer: '1.01' is no probability. Give a number from 0 to 1."
