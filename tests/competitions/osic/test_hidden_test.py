import shutil
from pathlib import Path

import pandas as pd

from pulmo.competitions.osic.data import read_visits
from pulmo.competitions.osic.hidden_test import write_hidden_test


def test_a_hidden_test_set_has_other_patients_another_count_and_bad_scans(tables: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(tables, data)
    patients = read_visits(data / "train.csv")["patient"].unique()
    for patient in patients:
        (data / "train" / patient).mkdir(parents=True)
        (data / "train" / patient / "1.dcm").write_bytes(b"a slice of 16 by")
    before = contents(data)
    write_hidden_test(data, tmp_path / "hidden", tmp_path / "solution.csv")
    test = read_visits(tmp_path / "hidden/test.csv")["patient"].tolist()
    train = read_visits(tmp_path / "hidden/train.csv")["patient"].unique().tolist()
    assert len(test) == 3  # an eighth of 24; the public test set has 2
    assert sorted([*test, *train]) == sorted(patients)
    slices = {path.parent.name: path.read_bytes() for path in (tmp_path / "hidden/test").rglob("*.dcm")}
    assert slices == {test[1]: b"a slice ", test[2]: b"a slice of 16 by"}
    assert sorted(path.name for path in (tmp_path / "hidden/train").iterdir()) == sorted(train)
    requested = set(pd.read_csv(tmp_path / "hidden/sample_submission.csv")["Patient_Week"])
    solution = pd.read_csv(tmp_path / "solution.csv")
    assert len(solution) == 3 * len(test)
    assert set(solution["Patient_Week"]) <= requested
    assert contents(data) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
