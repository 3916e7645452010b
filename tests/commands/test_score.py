"""`score`, `validate` and `blend` as their users call them, on OSIC's files."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from pulmo.competition import find_competition
from pulmo.errors import UserError
from tests.support import run_pulmo

Pulmo = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pulmo(capsys: pytest.CaptureFixture[str]) -> Pulmo:
    """Run a command here: its words → exit code, stdout, stderr."""
    return partial(run_pulmo, capsys)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A solution, its sample, and two submissions."""
    (tmp_path / "solution.csv").write_text("Patient_Week,FVC\na_5,2000\na_9,1900\n")
    (tmp_path / "sample.csv").write_text("Patient_Week,FVC,Confidence\na_5,2000,100\na_9,2000,100\na_-3,2000,100\n")
    (tmp_path / "good.csv").write_text("Patient_Week,FVC,Confidence\na_-3,2100,70\na_5,2000,70\na_9,1900,70\n")
    (tmp_path / "bad.csv").write_text("Patient_Week,FVC,Confidence\na_9,1000,100\na_5,1000,100\na_-3,1000,100\n")
    return tmp_path


def test_the_score_stands_alone_on_the_last_line(pulmo: Pulmo, files: Path) -> None:
    code, out, _ = pulmo("osic", "score", files / "good.csv", "--solution", files / "solution.csv")
    assert (code, out) == (0, "-4.595069\n")


def test_the_score_as_json(pulmo: Pulmo, files: Path) -> None:
    _, out, _ = pulmo("osic", "score", files / "good.csv", "--solution", files / "solution.csv", "--json")
    assert json.loads(out)["score"] == pytest.approx(-4.595069, abs=1e-6)


def test_several_submissions_make_a_table(pulmo: Pulmo, files: Path) -> None:
    words = ("osic", "score", files / "bad.csv", files / "good.csv", "--solution", files / "solution.csv")
    code, out, err = pulmo(*words)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].split("  ")[0] == "submission"
    assert "modified Laplace log likelihood (higher is better ↑)" in lines[0]
    assert [line.split()[1:] for line in lines[1:]] == [["-18.386773", "2"], ["-4.595069", "best", "2"]]
    _, out, _ = pulmo(*words, "--json")
    assert [Path(one["submission"]).name for one in json.loads(out)] == ["bad.csv", "good.csv"]


def test_scores_of_different_rows_do_not_compare(pulmo: Pulmo, files: Path) -> None:
    (files / "short.csv").write_text("Patient_Week,FVC,Confidence\na_5,2000,70\n")
    paths = (files / "good.csv", files / "short.csv")
    _, _, err = pulmo("osic", "score", *paths, "--solution", files / "solution.csv", "--subset")
    assert "note: the scores are of different numbers of rows, and do not compare" in err


def test_all_faults_of_all_files_are_told_and_the_good_ones_scored(pulmo: Pulmo, files: Path) -> None:
    (files / "first.csv").write_text("Patient_Week,FVC,Confidence\na_5,x,70\na_9,1900,70\n")
    (files / "second.csv").write_text("Patient_Week,FVC\na_5,2000\n")
    many = "".join(f"a_{week},?,1\n" for week in range(60))
    (files / "third.csv").write_text(f"Patient_Week,FVC,Confidence\n{many}")
    (files / "fourth.csv").write_text(f"Patient_Week,FVC,Confidence\n{many}")
    names = ("first", "good", "second", "third", "bad", "fourth")
    words = ("osic", "score", *(files / f"{name}.csv" for name in names), "--solution", files / "solution.csv")
    code, out, err = pulmo(*words)
    assert code == 1
    assert [line.split()[1:] for line in out.splitlines()[1:]] == [["-4.595069", "best", "2"], ["-18.386773", "2"]]
    assert "first.csv, row 2, FVC: 'x'" in err
    assert "second.csv: has no column 'Confidence'" in err
    for name in ("third", "fourth"):
        assert f"{name}.csv, row 2, FVC: '?' is not a finite number" in err
    shown = len(err.splitlines()) - 1
    code, out, _ = pulmo(*words, "--json")
    faults = json.loads(out)["faults"]
    assert code == 1
    assert {Path(fault["where"].partition(",")[0]).stem for fault in faults} == {"first", "second", "third", "fourth"}
    listing = "the same command with --json lists all."
    assert err.splitlines()[-1] == f"… and {len(faults) - shown} more faults like these: {listing}"


def test_a_file_that_shares_no_id_with_the_solution_is_named(pulmo: Pulmo, files: Path) -> None:
    (files / "other.csv").write_text("Patient_Week,FVC,Confidence\nc_5,2000,70\n")
    paths = (files / "other.csv", files / "good.csv")
    code, out, err = pulmo("osic", "score", *paths, "--solution", files / "solution.csv", "--subset")
    assert code == 1
    assert out.splitlines()[1].split()[1:] == ["-4.595069", "best", "2"]
    assert f"{files / 'other.csv'}: --subset leaves no row: submission and solution share no id" in err
    assert f"--subset leaves out 1 rows of {files / 'good.csv'} and 0 of the solution" in err


def test_the_solution_is_no_submission(pulmo: Pulmo, files: Path) -> None:
    (files / "copy.csv").write_bytes((files / "good.csv").read_bytes())
    for solution in ("good", "copy"):
        paths = (files / "bad.csv", files / "good.csv")
        code, out, err = pulmo("osic", "score", *paths, "--solution", files / f"{solution}.csv")
        assert (code, out) == (2, "")
        assert err.startswith(f"{files / 'good.csv'}: the solution is the submission itself. Give --solution ")


def test_a_tilde_is_the_home_folder(pulmo: Pulmo, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(files))
    assert pulmo("osic", "score", "~/good.csv", "--solution=~/solution.csv")[1] == "-4.595069\n"


def test_a_part_that_the_solution_does_not_define_is_named(pulmo: Pulmo, tmp_path: Path) -> None:
    (tmp_path / "solution.csv").write_text("ImageId,EncodedPixels\na,-1\nb,-1\n")
    (tmp_path / "mine.csv").write_text("ImageId,EncodedPixels\na,-1\nb,5 3\n")
    code, out, err = pulmo("siim", "score", tmp_path / "mine.csv", "--solution", tmp_path / "solution.csv")
    assert (code, out) == (0, "0.500000\n")
    assert "with pneumothorax: not defined by this solution, and not part of the score" in err
    assert "without pneumothorax 0.500000" in err


def test_a_file_with_bom_and_crlf_scores_the_same(pulmo: Pulmo, files: Path) -> None:
    path = files / "windows.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (files / "good.csv").read_bytes().replace(b"\n", b"\r\n"))
    assert pulmo("osic", "score", path, "--solution", files / "solution.csv")[1] == "-4.595069\n"


def test_a_missing_id_is_an_error_unless_subset(pulmo: Pulmo, files: Path) -> None:
    (files / "short.csv").write_text("Patient_Week,FVC,Confidence\na_5,2000,70\nb_1,1,1\n")
    words = ("osic", "score", files / "short.csv", "--solution", files / "solution.csv")
    code, out, err = pulmo(*words)
    assert (code, out) == (1, "")
    assert "no row for Patient_Week 'a_9'" in err
    assert "Traceback" not in err
    code, out, err = pulmo(*words, "--subset")
    assert (code, out) == (0, "-4.595069\n")
    assert f"--subset leaves out 1 rows of {files / 'short.csv'} and 1 of the solution" in err


def test_what_subset_leaves_out_is_told_once_for_files_of_the_same_ids(pulmo: Pulmo, files: Path) -> None:
    (files / "short.csv").write_text("Patient_Week,FVC,Confidence\na_5,2000,70\n")
    paths = (files / "good.csv", files / "short.csv", files / "bad.csv")
    _, _, err = pulmo("osic", "score", *paths, "--solution", files / "solution.csv", "--subset")
    assert [line for line in err.splitlines() if "--subset" in line] == [
        f"--subset leaves out 1 rows of each of {files / 'good.csv'}, {files / 'bad.csv'} and 0 of the solution",
        f"--subset leaves out 0 rows of {files / 'short.csv'} and 1 of the solution",
    ]


def test_a_train_csv_is_a_solution_of_its_last_three_visits(pulmo: Pulmo, files: Path) -> None:
    rows = [(-3, 9999), (9, 1900), (0, 1), (0, 9999), (5, 2000)]  # in no order; week 0 twice, first in file order first
    lines = ["Patient,Weeks,FVC,Percent", *(f"a,{week},{fvc},80" for week, fvc in rows)]
    (files / "train.csv").write_text("\n".join(lines))
    (files / "mine.csv").write_text("Patient_Week,FVC,Confidence\na_9,1900,70\na_5,2000,70\na_0,9999,70\n")
    code, out, err = pulmo("osic", "score", files / "mine.csv", "--solution", files / "train.csv")
    assert (code, out) == (0, "-4.595069\n")
    assert "only each patient's last 3 count, never the first. It does not judge a model that was trained on it" in err
    assert "note" not in pulmo("osic", "score", files / "good.csv", "--solution", files / "solution.csv")[2]


def test_validate_accepts_any_order(pulmo: Pulmo, files: Path) -> None:
    code, out, _ = pulmo("osic", "validate", files / "good.csv", "--sample", files / "sample.csv")
    assert code == 0
    assert "valid, 3 rows" in out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "Patient_Week,FVC,Confidence\na_5,1,1\na_5,1,1\na_9,1,1\na_-3,1,1\n",
            "row 3, Patient_Week: 'a_5' is repeated",
        ),
        ("Patient_Week,FVC,Confidence\na_5,1,1\na_9,1,1\n", "has no row for Patient_Week 'a_-3'"),
        ("Patient_Week,FVC,Confidence\na_5,1,1\na_9,1,1\na_-3,1,1\na_134,1,1\n", "row 5, Patient_Week: 'a_134'"),
        ("Patient_Week,FVC,Confidence\na_5,1,\na_9,1,1\na_-3,1,1\n", "row 2, Confidence: ''"),
        ("Patient_Week,FVC,Confidence\na_5,1,1\na_9,1,0\na_-3,1,1\n", "row 3, Confidence: 0 is not positive"),
        ("Patient_Week,FVC\na_5,1\na_9,1\na_-3,1\n", "no column 'Confidence'"),
        ("Patient_Week,FVC,Confidence,more\na_5,1,1,1\na_9,1,1,1\na_-3,1,1,1\n", "unexpected column 'more'"),
    ],
)
def test_validate_names_what_kaggle_would_refuse(pulmo: Pulmo, files: Path, content: str, words: str) -> None:
    (files / "wrong.csv").write_text(content)
    code, out, err = pulmo("osic", "validate", files / "wrong.csv", "--sample", files / "sample.csv")
    assert (code, out) == (1, "")
    assert "wrong.csv" in err
    assert words in err


def test_many_faults_are_counted(pulmo: Pulmo, files: Path) -> None:
    ids = [f"a_{week}" for week in range(60)]
    pd.DataFrame({"Patient_Week": ids, "FVC": "?", "Confidence": 1}).to_csv(files / "wrong.csv", index=False)
    pd.DataFrame({"Patient_Week": ids}).to_csv(files / "ids.csv", index=False)
    _, _, err = pulmo("osic", "validate", files / "wrong.csv", "--sample", files / "ids.csv")
    assert len(err.splitlines()) == 6
    assert "and 55 more faults like these: `validate --json` lists all." in err


def test_blend_weighs_fvc_and_confidence(pulmo: Pulmo, files: Path) -> None:
    words = ("osic", "blend", files / "good.csv", files / "bad.csv", "--out", files / "out/blend.csv")
    assert pulmo(*words, "--weights", "3,1")[0] == 0
    blended = pd.read_csv(files / "out/blend.csv")
    assert blended["Patient_Week"].tolist() == ["a_-3", "a_5", "a_9"]
    assert blended["FVC"].tolist() == [1825.0, 1750.0, 1675.0]
    assert blended["Confidence"].tolist() == [77.5, 77.5, 77.5]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("1", "expected 2 weights, got 1"),
        ("1,-1", "a weight is negative"),
        ("0,0", "all are zero"),
        ("a,b", "not numbers"),
    ],
)
def test_weights_that_do_not_fit_are_refused(pulmo: Pulmo, files: Path, weights: str, words: str) -> None:
    arguments = ("osic", "blend", files / "good.csv", files / "bad.csv", "--out", files / "blend.csv")
    code, _, err = pulmo(*arguments, "--weights", weights)
    assert code == 2
    assert words in err
    assert not (files / "blend.csv").exists()


ENCODED_PIXELS = {"osic": "a_5,2000,70", "siim": "a,-1", "rsna": "a,", "dsb": "a,0.5"}


@pytest.mark.parametrize("name", ENCODED_PIXELS)
@pytest.mark.parametrize("weights", ["nan,1", "inf,1", "1,-inf", "-1,2", "0,0"])
def test_what_is_no_weight_is_refused(pulmo: Pulmo, tmp_path: Path, name: str, weights: str) -> None:
    text = f"{','.join(find_competition(name).submission_columns)}\n{ENCODED_PIXELS[name]}\n"
    for file in ("a.csv", "b.csv"):
        (tmp_path / file).write_text(text)
    words = (name, "blend", tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "out.csv")
    code, _, err = pulmo(*words, f"--weights={weights}")
    assert code == 2
    assert f"--weights {weights}: " in err
    assert not (tmp_path / "out.csv").exists()
    assert pulmo(*words, "--weights=1e308,1e308")[0] == 0
    module = find_competition(name).submission
    table = pd.read_csv(tmp_path / "a.csv", dtype=str, keep_default_na=False)
    with pytest.raises(UserError, match="are not weights"):
        module.blend([table, table], [float(weight) for weight in weights.split(",")])


@pytest.mark.parametrize(
    ("name", "setting"),
    [("siim", "threshold=nan"), ("siim", "threshold=inf"), ("siim", "threshold=0"), ("rsna", "shrink=nan")]
    + [("rsna", f"{setting}") for setting in ("shrink=-1", "iou=inf", "threshold=nan", "threshold=-0.1", "solo=2")],
)
def test_a_parameter_of_a_blend_that_is_out_of_range_is_refused(
    pulmo: Pulmo, tmp_path: Path, name: str, setting: str
) -> None:
    cells = {"siim": "a,-1", "rsna": "a,"}[name]
    (tmp_path / "a.csv").write_text(f"{','.join(find_competition(name).submission_columns)}\n{cells}\n")
    code, _, err = pulmo(name, "blend", tmp_path / "a.csv", "--out", tmp_path / "out.csv", "--set", setting)
    assert code == 2
    assert setting.partition("=")[0] in err
    assert not (tmp_path / "out.csv").exists()


def test_blend_refuses_files_of_other_ids(pulmo: Pulmo, files: Path) -> None:
    (files / "other.csv").write_text("Patient_Week,FVC,Confidence\na_5,2000,70\nc_1,1,1\n")
    code, _, err = pulmo("osic", "blend", files / "good.csv", files / "other.csv", "--out", files / "blend.csv")
    assert code == 1
    assert "other.csv, row 3, Patient_Week: 'c_1'" in err
    assert "no row for Patient_Week 'a_9'" in err


def test_many_faults_of_a_blend_are_listed_by_the_blend(pulmo: Pulmo, files: Path) -> None:
    rows = "".join(f"a_{week},?,1\n" for week in range(60))
    (files / "wrong.csv").write_text(f"Patient_Week,FVC,Confidence\n{rows}")
    words = ("osic", "blend", files / "good.csv", files / "wrong.csv", "--out", files / "blend.csv")
    assert "more faults like these: the same command with --json lists all." in pulmo(*words)[2]
    assert len(json.loads(pulmo(*words, "--json")[1])["faults"]) > 60


def test_a_solution_without_a_scored_row_is_at_fault(pulmo: Pulmo, files: Path) -> None:
    (files / "one_visit.csv").write_text("Patient,Weeks,FVC\na,5,2000\n")
    code, out, err = pulmo("osic", "score", files / "good.csv", "--solution", files / "one_visit.csv")
    assert (code, out) == (1, "")
    assert "one_visit.csv: has no row that is scored" in err


def test_a_wrong_command_line_ends_with_two(pulmo: Pulmo, files: Path) -> None:
    assert pulmo("osic", "score", files / "good.csv")[0] == 2
    assert pulmo("osic", "no-such-stage")[0] == 2


@pytest.mark.parametrize(
    ("fvc", "confidence", "expected"), [("sample", "sample", "-11.603262"), ("true", "70", "-4.595069")]
)
def test_known_answers_on_the_test_patients(
    pulmo: Pulmo, shared_data: Path, tmp_path: Path, fvc: str, confidence: str, expected: str
) -> None:
    folder = shared_data / "osic-pulmonary-fibrosis-progression"
    visits = pd.read_csv(folder / "train.csv")
    visits = visits[visits["Patient"].isin(pd.read_csv(folder / "test.csv")["Patient"])]
    visits["Patient_Week"] = visits["Patient"] + "_" + visits["Weeks"].astype(str)
    visits.to_csv(tmp_path / "visits.csv", index=False)
    mine = pd.read_csv(folder / "sample_submission.csv")
    if fvc == "true":
        mine = mine.merge(visits.groupby("Patient_Week")["FVC"].last(), on="Patient_Week", suffixes=("_sample", ""))
        mine = mine[["Patient_Week", "FVC"]].assign(Confidence=float(confidence))
    mine.to_csv(tmp_path / "mine.csv", index=False)
    (tmp_path / "train.csv").write_text(visits.drop(columns="Patient_Week").to_csv(index=False))
    _, out, _ = pulmo("osic", "score", tmp_path / "mine.csv", "--solution", tmp_path / "train.csv")
    assert out.strip() == expected


def test_known_answer_of_the_first_fvc_carried_forward(pulmo: Pulmo, shared_data: Path, tmp_path: Path) -> None:
    train = shared_data / "osic-pulmonary-fibrosis-progression/train.csv"
    visits = pd.read_csv(train)
    first = visits.sort_values("Weeks", kind="stable").groupby("Patient")["FVC"].first()
    carried = pd.DataFrame(
        {
            "Patient_Week": visits["Patient"] + "_" + visits["Weeks"].astype(str),
            "FVC": visits["Patient"].map(first),
            "Confidence": 225,
        }
    )
    carried.drop_duplicates("Patient_Week").to_csv(tmp_path / "carried.csv", index=False)
    _, out, _ = pulmo("osic", "score", tmp_path / "carried.csv", "--solution", train)
    assert out == "-7.320554\n"


def test_score_loads_no_learning_library() -> None:
    code = (
        "import sys; from pulmo.cli.app import command_line; command_line(); import pulmo.commands.score;"
        "from pulmo.competition import competition_names, find_competition;"
        "[find_competition(name).submission for name in competition_names()];"
        "print({'tensorflow', 'keras', 'lightgbm', 'sklearn', 'scipy', 'pydicom', 'pydantic', 'cv2', 'matplotlib'}"
        " & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Forty patients: one file errs upwards, one downwards by the same, one is hopeless."""
    ids = [f"p{number}_{week}" for number in range(40) for week in (5, 9)]
    for name, fvc, confidence in (("solution", 2000, 0), ("up", 2200, 70), ("down", 1800, 70), ("lost", 9000, 70)):
        table = pd.DataFrame({"Patient_Week": ids, "FVC": fvc, "Confidence": confidence})
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def test_fitted_weights_are_judged_on_the_other_half(pulmo: Pulmo, many: Path) -> None:
    files = [many / f"{name}.csv" for name in ("up", "down", "lost")]
    code, out, _ = pulmo("osic", "blend", *files, "--out", many / "blend.csv", "--solution", many / "solution.csv")
    assert code == 0
    rows = {Path(line.split()[0]).stem: line.split()[1:] for line in out.splitlines()[1:-1]}
    weights = [float(rows[name][0]) for name in ("up", "down", "lost")]
    assert weights == pytest.approx([0.5, 0.5, 0], abs=1 / 256)
    best = -4.595069
    assert float(rows["blend"][2]) == pytest.approx(best, abs=0.02)
    assert rows["up"][2] == f"{-(2**0.5) * 200 / 70 + best:.6f}"
    assert pd.read_csv(many / "blend.csv")["FVC"].to_numpy() == pytest.approx(2000, abs=2)


def test_a_bad_partner_gets_no_say(pulmo: Pulmo, many: Path) -> None:
    (many / "good.csv").write_text((many / "up.csv").read_text().replace("2200", "2000"))
    files = [many / "good.csv", many / "lost.csv"]
    _, out, _ = pulmo("osic", "blend", *files, "--out", many / "blend.csv", "--solution", many / "solution.csv")
    assert out.splitlines()[1].split()[1] == "1.0000"
    assert out.splitlines()[2].split()[1] == "0.0000"


def test_blend_of_what_all_files_share(pulmo: Pulmo, files: Path) -> None:
    (files / "short.csv").write_text("Patient_Week,FVC,Confidence\na_9,1000,70\nc_1,1,1\n")
    code, _, err = pulmo(
        "osic", "blend", files / "good.csv", files / "short.csv", "--out", files / "blend.csv", "--subset"
    )
    assert code == 0
    assert "2 rows of" in err
    assert pd.read_csv(files / "blend.csv").to_numpy().tolist() == [["a_9", 1450.0, 70.0]]


def test_an_unknown_blend_parameter_is_refused(pulmo: Pulmo, files: Path) -> None:
    words = ("osic", "blend", files / "good.csv", "--out", files / "blend.csv", "--set", "threshold=0.3")
    code, _, err = pulmo(*words)
    assert code == 2
    assert "there is no parameter 'threshold'" in err
    code, _, err = pulmo(*words, "--solution", files / "solution.csv")
    assert code == 2
    assert "both given" in err
