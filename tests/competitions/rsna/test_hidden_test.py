from pathlib import Path

from tests.competitions.hidden import check_hidden_test


def test_other_images_another_number_one_missing_and_one_broken(drawn: Path, tmp_path: Path) -> None:
    broken = check_hidden_test("rsna", drawn / "data", tmp_path, "stage_2_sample_submission.csv")
    assert [path.split("/")[0] for path in broken] == ["stage_2_test_images"]
