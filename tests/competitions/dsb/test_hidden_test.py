from pathlib import Path

from tests.competitions.hidden import check_hidden_test


def test_other_scans_another_number_one_missing_and_one_broken(kaggle: Path, tmp_path: Path) -> None:
    broken = check_hidden_test("dsb", kaggle, tmp_path, "stage2_sample_submission.csv")
    assert len({path.rpartition("/")[0] for path in broken}) == 1
    assert broken[0].startswith("stage2/")
