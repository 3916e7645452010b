"""SIIM's files as they are published, and `score`, `validate` and `blend` as their users call them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.siim.submission import BLEND_PARAMETERS, blend, read_solution, score, score_parts
from pulmo.errors import CommandLineError, UserError
from tests.support import run_pulmo

Pulmo = Callable[..., tuple[int, str, str]]
ROWS = "a, 5 2\nb, -1\na, 6 3\na, 5 2\n"


@pytest.fixture
def pulmo(capsys: pytest.CaptureFixture[str]) -> Pulmo:
    """Run a command here: its words → exit code, stdout, stderr."""
    return partial(run_pulmo, capsys)


@pytest.fixture(scope="session")
def submissions(shared_data: Path) -> dict[str, Path]:
    """Files that were really sent, by a word of their names; and the stage-1 sample."""
    files = {name: next((shared_data / "submissions").glob(f"siim_*{name}*")) for name in ("se154", "sx50", "tybrad11")}
    return {"sample": shared_data / "siim-acr-pneumothorax-segmentation/stage_1_sample_submission.csv", **files}


@pytest.fixture(scope="session")
def train(shared_data: Path) -> Path:
    return shared_data / "siim-acr-pneumothorax-segmentation/stage_2_train.csv"


@pytest.mark.parametrize(
    "content",
    [
        "ImageId,EncodedPixels\n" + ROWS.replace(", ", ","),
        "ImageId, EncodedPixels\n" + ROWS,
        "\ufeffImageId,EncodedPixels\n" + ROWS,
        ROWS,
        "\ufeff" + ROWS.replace("\n", "\r\n"),
    ],
)
def test_every_published_form_of_the_masks_is_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "train-rle.csv").write_bytes(content.encode())
    solution = read_solution(tmp_path / "train-rle.csv")
    assert solution.to_numpy().tolist() == [["a", "5 2"], ["b", "-1"], ["a", "6 3"], ["a", "5 2"]]
    assert solution.index.tolist() == [0, 1, 2, 3]
    assert score(solution, pd.DataFrame({"ImageId": ["a", "b"], "EncodedPixels": ["5 4", "-1"]}), "ImageId") == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("ImageId,EncodedPixels\na,-1\nb,1 2 3\n", "row 3, EncodedPixels: has 3 numbers"),
        ("a,-1\nb,1 2 3\n", "row 2, EncodedPixels: has 3 numbers"),
        ("ImageId,Pixels\na,-1\n", "no column 'EncodedPixels'"),
        ("a,b\nc,-1\n", "no column 'ImageId'"),
        ("ImageId,EncodedPixels\n", "has no row"),
    ],
)
def test_a_faulty_solution_is_named(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "train-rle.csv").write_text(content)
    with pytest.raises(UserError, match=words):
        read_solution(tmp_path / "train-rle.csv")


def test_pixels_are_voted_on() -> None:
    first = pd.DataFrame({"ImageId": ["a", "b"], "EncodedPixels": ["0 4", "-1"]})
    second = pd.DataFrame({"ImageId": ["b", "a"], "EncodedPixels": ["7 1", "2 4"]})
    assert blend([first, second], [3, 1])["EncodedPixels"].tolist() == ["0 4", "-1"]
    assert blend([first, second], [3, 1], threshold=0.2)["EncodedPixels"].tolist() == ["0 6", "7 1"]
    assert blend([first, second], [3, 1], threshold=0.8)["EncodedPixels"].tolist() == ["2 2", "-1"]


@pytest.mark.parametrize(
    ("name", "expected"), [("sample", "0.788630"), ("se154", "0.874599"), ("tybrad11", "0.831226")]
)
def test_known_answers(pulmo: Pulmo, submissions: dict[str, Path], train: Path, name: str, expected: str) -> None:
    code, out, _ = pulmo("siim", "score", submissions[name], "--subset", "--solution", train)
    assert (code, out.splitlines()[-1]) == (0, expected)


def test_a_file_that_kaggle_took_is_valid_and_its_spaces_noted(pulmo: Pulmo, submissions: dict[str, Path]) -> None:
    code, out, err = pulmo("siim", "validate", submissions["se154"], "--sample", submissions["sample"])
    assert code == 0
    assert "valid, 1372 rows" in out
    assert "spaces around values are ignored" in err


def test_bad_cells_are_named_with_file_and_row(pulmo: Pulmo, tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_text("ImageId,EncodedPixels\na,-1\nb,-1\n")
    (tmp_path / "mine.csv").write_text("ImageId,EncodedPixels\na,5 -2\nb,-1 3\n")
    code, _, err = pulmo("siim", "validate", tmp_path / "mine.csv", "--sample", tmp_path / "sample.csv")
    assert code == 1
    assert "mine.csv, row 2, EncodedPixels: the length -2 is negative" in err
    assert "mine.csv, row 3, EncodedPixels: has numbers after the -1" in err


def halves(out: str) -> list[list[float]]:
    """Weight and scores on both halves of each file, and of the blend."""
    rows = [line.split() for line in out.splitlines() if ".csv  " in line or line.startswith("blend")]
    return [[float(cell) for cell in row[1:]] for row in rows]


def test_two_good_files_blended_beat_both_on_the_half_not_fitted_on(
    pulmo: Pulmo, submissions: dict[str, Path], train: Path, tmp_path: Path
) -> None:
    files = (submissions["se154"], submissions["sx50"])
    _, out, _ = pulmo("siim", "blend", *files, "--subset", "--solution", train, "--out", tmp_path / "b.csv")
    first, second, blended = halves(out)
    assert blended[2] > max(first[2], second[2])
    _, out, _ = pulmo("siim", "score", tmp_path / "b.csv", "--subset", "--solution", train)
    assert float(out) > 0.8775


def test_a_weak_partner_does_no_harm(pulmo: Pulmo, submissions: dict[str, Path], train: Path, tmp_path: Path) -> None:
    files = (submissions["se154"], submissions["tybrad11"])
    _, out, _ = pulmo("siim", "blend", *files, "--subset", "--solution", train, "--out", tmp_path / "c.csv")
    assert halves(out)[1][0] == 0
    _, out, _ = pulmo("siim", "score", tmp_path / "c.csv", "--subset", "--solution", train)
    assert float(out) >= 0.8740


def test_knobs_by_hand(pulmo: Pulmo, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ImageId,EncodedPixels\na,0 4\n")
    (tmp_path / "b.csv").write_text("ImageId,EncodedPixels\na,2 4\n")
    words = ("siim", "blend", tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "c.csv")
    assert pulmo(*words, "--set", "threshold=0.9")[0] == 0
    assert (tmp_path / "c.csv").read_text() == "ImageId,EncodedPixels\na,2 2\n"
    code, _, err = pulmo(*words, "--set", "threshold=0")
    assert code == 2
    assert "threshold 0: is not above 0" in err
    code, _, err = pulmo(*words, "--set", "threshold=low")
    assert code == 2
    assert "'low' is not a finite number" in err


def test_images_with_and_without_a_pneumothorax_are_scored_apart() -> None:
    solution = pd.DataFrame({"ImageId": ["a", "a", "b", "c"], "EncodedPixels": ["5 2", "1 2", "-1", "-1"]})
    mine = pd.DataFrame({"ImageId": ["a", "b", "c"], "EncodedPixels": ["5 2", "-1", "1 1"]})
    parts = score_parts(solution, mine, "ImageId")
    assert parts == {"with pneumothorax": pytest.approx(2 * 2 / (4 + 2)), "without pneumothorax": 0.5}
    assert score(solution, mine, "ImageId") == pytest.approx((2 / 3 + 1 + 0) / 3)
    none = score_parts(solution[2:], mine[1:], "ImageId")
    assert np.isnan(none["with pneumothorax"])
    assert none["without pneumothorax"] == 0.5


def test_people_of_the_images_keep_together_in_a_blend(pulmo: Pulmo, tmp_path: Path) -> None:
    images = [f"i{number}" for number in range(40)]
    (tmp_path / "people").mkdir()
    people = pd.DataFrame({"ImageId": images, "nih_patient": [str(number // 8) for number in range(40)]})
    people.to_csv(tmp_path / "people/nih_patients.csv", index=False)
    path = tmp_path / "a.csv"
    pd.DataFrame({"ImageId": images, "EncodedPixels": "-1"}).to_csv(path, index=False)
    words = ("siim", "blend", path, "--out", tmp_path / "out.csv", "--solution", path)
    code, _, err = pulmo(*words, "--data", tmp_path)
    assert (code, "Each image counts as a patient of its own: there is no nih_patients.csv" in err) == (0, True)
    code, _, err = pulmo(*words, "--data", tmp_path / "people")
    assert (code, "note" in err) == (0, False)


def test_the_threshold_s_range_and_its_candidates() -> None:
    candidates = BLEND_PARAMETERS["threshold"].candidates
    assert (candidates[0], candidates[1], candidates[-1], len(candidates)) == (0.05, 0.1, 0.95, 19)
    first = pd.DataFrame({"ImageId": ["a"], "EncodedPixels": ["0 4"]})
    second = pd.DataFrame({"ImageId": ["a"], "EncodedPixels": ["2 4"]})
    assert blend([first, second], [1, 1])["EncodedPixels"].tolist() == ["0 6"]  # by default half of the votes
    assert blend([first, second], [1, 1], threshold=1.0)["EncodedPixels"].tolist() == ["2 2"]
    for beyond in (0.0, 1.01, float("nan")):
        with pytest.raises(UserError, match=r"is not above 0 and at most 1\. Set a share of the votes"):
            blend([first, second], [1, 1], threshold=beyond)


def test_a_table_of_two_columns_whose_first_row_is_a_mask_has_no_header(tmp_path: Path) -> None:
    path = tmp_path / "train-rle.csv"
    path.write_text("a,-1\n")
    assert read_solution(path).to_numpy().tolist() == [["a", "-1"]]
    path.write_text("ImageId,-1\na,-1\n")
    with pytest.raises(UserError, match="no column 'EncodedPixels'"):
        read_solution(path)
    path.write_text("ImageId,EncodedPixels,note\na,5 2,x\n")
    assert read_solution(path).to_numpy().tolist() == [["a", "5 2"]]
    path.write_text("ImageId,EncodedPixels\na,1048575 2\n")
    with pytest.raises(UserError, match="row 2, EncodedPixels: ends at pixel 1048577, an image has 1048576 pixels"):
        read_solution(path)


def test_half_of_the_votes_are_enough_and_all_can_be_asked_for() -> None:
    first, second = (pd.DataFrame({"ImageId": ["a"], "EncodedPixels": [cell]}) for cell in ("0 4", "2 4"))
    assert blend([first, second], [1, 1])["EncodedPixels"].tolist() == ["0 6"]
    assert blend([first, second], [1, 1], threshold=1)["EncodedPixels"].tolist() == ["2 2"]


@pytest.mark.parametrize("threshold", [-0.1, 0, 1.001])
def test_a_threshold_that_lets_all_or_no_pixels_in_is_refused(threshold: float) -> None:
    table = pd.DataFrame({"ImageId": ["a"], "EncodedPixels": ["0 4"]})
    with pytest.raises(CommandLineError, match="is not above 0 and at most 1"):
        blend([table], [1], threshold=threshold)


def test_thresholds_are_tried_in_steps_of_a_twentieth() -> None:
    default, candidates = BLEND_PARAMETERS["threshold"]
    assert default == 0.5
    assert candidates == pytest.approx([0.05 * number for number in range(1, 20)])
