"""`score`, `validate` and `blend` of boxes as their users call them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.rsna.submission import BLEND_PARAMETERS, blend, read_solution
from pulmo.errors import UserError
from tests.support import run_pulmo

Pulmo = Callable[..., tuple[int, str, str]]

LABELS = "patientId,x,y,width,height,Target\na,0,0,100,100,1\na,200.0,200.0,100.0,100.0,1\nb,,,,,0\nc,5,5,20,20,1\n"
SUBMISSION = "patientId,PredictionString\na,0.9 0 0 100 100 0.8 200 200 100 100\nb,\nc,0.5 5 5 20 20\n"


@pytest.fixture
def pulmo(capsys: pytest.CaptureFixture[str]) -> Pulmo:
    """Run a command here: its words → exit code, stdout, stderr."""
    return partial(run_pulmo, capsys)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The labels, and a perfect submission."""
    (tmp_path / "labels.csv").write_text(LABELS)
    (tmp_path / "mine.csv").write_text(SUBMISSION)
    return tmp_path


def test_labels_of_every_variety_are_read_alike(files: Path) -> None:
    expected = read_solution(files / "labels.csv")
    assert expected["Target"].tolist() == [1, 1, 0, 1]
    assert expected["x"].tolist()[:2] == [0, 200]
    for text in (
        "\ufeff" + LABELS.replace("\n", "\r\n"),
        LABELS.replace("patientId", "PatientId").replace(",", ", "),
        "\n".join(line.rpartition(",")[0] for line in LABELS.splitlines()),
        "\n".join(f"{number},{line}" for number, line in enumerate(LABELS.splitlines())),
        LABELS.replace(",1\n", ",1.0\n"),
    ):
        (files / "other.csv").write_text(text, newline="")
        pd.testing.assert_frame_equal(read_solution(files / "other.csv"), expected)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("d,1,2,3,,1", "row 6, x to height: '1,2,3,' is no box"),
        ("d,1,2,x,4,1", "row 6, x to height: '1,2,x,4' is no box"),
        ("d,1,2,0,4,1", "row 6, x to height: '1,2,0,4' is no box"),
        ("d,1,2,3,4,0", "row 6, Target: '0' beside a box"),
        ("d,,,,,1", "row 6, Target: '1' beside no box"),
        ("c,,,,,0", "row 6, patientId: 'c' has boxes in other rows"),
    ],
)
def test_labels_that_contradict_themselves_are_named(files: Path, row: str, words: str) -> None:
    (files / "labels.csv").write_text(LABELS + row + "\n")
    with pytest.raises(UserError) as error:
        read_solution(files / "labels.csv")
    assert words in str(error.value)


def test_a_file_as_kaggle_accepted_it_is_taken_with_a_note(pulmo: Pulmo, files: Path) -> None:
    text = SUBMISSION.replace("patientId", "PatientId").replace(",0", ", 0").replace("100\n", "100 \n")
    (files / "odd.csv").write_text(text)
    code, out, err = pulmo("rsna", "score", files / "odd.csv", "--solution", files / "labels.csv")
    assert (code, out) == (0, "1.000000\n")
    assert "column 'PatientId' is read as 'patientId'" in err
    assert "spaces around values are ignored" in err
    assert "note" not in pulmo("rsna", "score", files / "mine.csv", "--solution", files / "labels.csv")[2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SUBMISSION.replace("0.5 5", "5"), "row 4, PredictionString: 4 numbers are not a multiple of five"),
        (SUBMISSION + "c,\n", "row 5, patientId: 'c' is repeated"),
        (SUBMISSION.replace("b,\n", ""), "has no row for patientId 'b'"),
        (
            SUBMISSION.replace("0.5 5 5 20", "0.5 1010 5 20"),
            "row 4, PredictionString: box 0.5 1010 5 20 20: it exceeds",
        ),
    ],
)
def test_validate_names_what_is_wrong(pulmo: Pulmo, files: Path, content: str, words: str) -> None:
    (files / "sample.csv").write_text("patientId,PredictionString\na,\nb,\nc,\n")
    assert pulmo("rsna", "validate", files / "mine.csv", "--sample", files / "sample.csv")[0] == 0
    (files / "wrong.csv").write_text(content)
    code, _, err = pulmo("rsna", "validate", files / "wrong.csv", "--sample", files / "sample.csv")
    assert code == 1
    assert words in err


def test_nan_as_a_word_is_an_empty_cell(files: Path) -> None:
    (files / "words.csv").write_text("patientId,x,y,width,height,Target\na,NaN,nan,NaN,NaN,0\nb,1,2,3,4,1\n")
    solution = read_solution(files / "words.csv")
    assert solution["Target"].tolist() == [0, 1]
    assert solution["x"].tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    (files / "words.csv").write_text("patientId,x,y,width,height,Target\na,NaN,NaN,NaN,NaN,1\nb,1,NaN,3,4,1\n")
    with pytest.raises(
        UserError, match=r"row 2, Target: '1' beside no box\. .* write 0 and leave x to height empty"
    ) as told:
        read_solution(files / "words.csv")
    assert "row 3, x to height: '1,,3,4' is no box" in str(told.value)


def table(*cells: str) -> pd.DataFrame:
    return pd.DataFrame({"patientId": [f"p{number}" for number in range(len(cells))], "PredictionString": cells})


def test_a_file_alone_is_only_shrunk_and_sifted() -> None:
    mine = table("0.9 100 100 100 100 0.8 100 100 100 90", "0.2 0 0 50 50")
    assert blend([mine], [1.0])["PredictionString"].tolist() == [
        "0.9000 100 100 100 100 0.8000 100 100 100 90",
        "0.2000 0 0 50 50",
    ]
    found = blend([mine], [1.0], shrink=0.9, threshold=0.85, unmatched=1.0)
    assert found["PredictionString"].tolist() == ["0.9000 105 105 90 90", ""]


def test_files_are_fused_whatever_the_order_of_their_rows() -> None:
    mine, other = table("0.9 0 0 100 100", "0.6 0 0 50 50"), table("0.3 40 0 100 100", "")
    found = blend([mine, other.iloc[::-1]], [1.0, 1.0], iou=0.4)
    assert found["PredictionString"].tolist() == ["0.6000 10 0 100 100", "0.3000 0 0 50 50"]
    assert blend([mine, other], [1.0, 1.0], iou=0.4, unmatched=0.4)["PredictionString"].tolist()[1] == ""
    assert blend([mine, other], [0.0, 1.0])["PredictionString"].tolist() == ["0.3000 40 0 100 100", ""]


@pytest.fixture
def known_file(shared_data: Path) -> tuple[Path, Path]:
    """A file that Kaggle scored 0.20954 on its own part of the test set, and the labels of all its images."""
    return (
        shared_data / "submissions/rsna_stage1_r50_0.20954.csv",
        shared_data / "rsna-pneumonia-detection-challenge/stage_2_train_labels.csv",
    )


def test_known_answer(pulmo: Pulmo, known_file: tuple[Path, Path]) -> None:
    submission, labels = known_file
    code, out, err = pulmo("rsna", "score", submission, "--subset", "--solution", labels)
    assert (code, out) == (0, "0.209536\n")
    assert "column 'PatientId' is read" in err


def test_turning_the_knobs_of_one_file_helps_on_the_half_not_fitted_on(
    pulmo: Pulmo, known_file: tuple[Path, Path], tmp_path: Path
) -> None:
    submission, labels = known_file
    words = ("rsna", "blend", submission, "--subset", "--out", tmp_path / "b.csv")
    code, out, _ = pulmo(*words, "--solution", labels)
    assert code == 0
    rows = [line.split() for line in out.splitlines()[1:3]]
    assert [row[1] for row in rows] == ["1.0000", "1.0000"]
    assert float(rows[1][3]) > float(rows[0][3]) + 0.005
    assert pulmo(*words, "--set", "shrink=0.9")[0] == 0
    shrunk = pulmo("rsna", "score", tmp_path / "b.csv", "--subset", "--solution", labels)[1]
    assert round(float(shrunk), 3) == 0.219


def test_the_real_labels(known_file: tuple[Path, Path]) -> None:
    solution = read_solution(known_file[1])
    assert len(solution) == 30_227
    assert solution["patientId"].nunique() == 26_684
    assert int(solution["Target"].sum()) == 9_555
    assert int(np.isfinite(solution["x"]).sum()) == 9_555


def test_the_grid_of_the_blend_s_parameters() -> None:
    """What `pulmo rsna blend --solution` tries; each default changes nothing."""
    grid = {name: parameter.candidates for name, parameter in BLEND_PARAMETERS.items()}
    assert grid["iou"] == (0.3, 0.4, 0.5, 0.6, 0.7)
    assert grid["shrink"] == pytest.approx([0.8, 0.825, 0.85, 0.875, 0.9, 0.925, 0.95, 0.975, 1, 1.025, 1.05])
    assert (grid["threshold"][:2], grid["threshold"][-1], len(grid["threshold"])) == ((0, 0.03), 0.96, 33)
    assert (grid["unmatched"][:2], grid["unmatched"][-1], len(grid["unmatched"])) == ((0, 0.05), 0.7, 15)
    defaults = {name: parameter.default for name, parameter in BLEND_PARAMETERS.items()}
    assert defaults == {"iou": 0.5, "shrink": 1.0, "threshold": 0.0, "unmatched": 0.0}
    mine, other = table("0.9 0 0 100 100"), table("0.3 40 0 100 100")
    assert blend([mine, other], [1, 1]).equals(blend([mine, other], [1, 1], **defaults))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("iou", 0, 1), ("threshold", 0, 1), ("unmatched", 0, 1), ("shrink", 0.1, 10)]
)
def test_the_ranges_of_the_blend_s_parameters(name: str, low: float, high: float) -> None:
    mine = table("1 500 500 10 10")
    for allowed in (low, high):
        assert blend([mine, mine], [1, 1], **{name: allowed})["patientId"].tolist() == ["p0"]
    for beyond in (low - 0.01, high + 0.01):
        with pytest.raises(UserError, match=f"{name} .* is out of range. Set it from {low:g} to {high:g}"):
            blend([mine, mine], [1, 1], **{name: beyond})


def test_a_single_file_s_boxes_are_not_alone() -> None:
    assert blend([table("0.2 0 0 50 50")], [1.0], unmatched=0.9)["PredictionString"].tolist() == ["0.2000 0 0 50 50"]


def test_every_fault_of_the_labels_is_named_in_the_order_of_the_places(files: Path) -> None:
    (files / "labels.csv").write_text("patientId,x,y,width,height,Target\na,1,2,3,-4,1\nb,,,,,\nc,1,2,0.5,4,0\n")
    with pytest.raises(UserError) as error:
        read_solution(files / "labels.csv")
    remedy = "Write 1 beside a box; where there is none, write 0 and leave x to height empty."
    assert [str(fault).partition(", ")[2] for fault in error.value.faults] == [
        "row 2, x to height: '1,2,3,-4' is no box. Give all four, in pixels.",
        f"row 3, Target: '' beside no box. {remedy}",
        f"row 4, Target: '0' beside a box. {remedy}",
    ]


def test_a_file_without_weight_is_not_there() -> None:
    """What stands alone is not fused with itself, so that no box is unmatched."""
    cells = ("0.5 10 10 20 20", "0.9 300 300 9 9")
    one, other = (pd.DataFrame({"patientId": ["a"], "PredictionString": [cell]}) for cell in cells)
    assert blend([one, other], [1.0, 0.0], unmatched=0.8).equals(blend([one], [1.0], unmatched=0.8))
    assert blend([other, one], [0.0, 1.0], unmatched=0.8)["PredictionString"].tolist() == ["0.5000 10 10 20 20"]
