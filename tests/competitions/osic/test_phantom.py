"""OSIC's demo data: Kaggle's layout, real statistics, and a decline that only the scans foretell."""

import filecmp
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless

from pulmo.competitions.osic.phantom import (
    EMPTY_FOLDER,
    JPEG,
    NO_FOLDER,
    NOT_DICOM,
    RLE,
    PhantomSettings,
    anatomy,
    cohort,
    write_phantom,
)

COLUMNS = ["Patient", "Weeks", "FVC", "Percent", "Age", "Sex", "SmokingStatus"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, pd.DataFrame]:
    """400 patients without scans: their folder, the solution and the truth."""
    folder = tmp_path_factory.mktemp("tables")
    truth = write_phantom(folder / "data", folder / "solution.csv", PhantomSettings(380, 20, seed=3, scans=False))
    return folder / "data", folder / "solution.csv", truth


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, int]]]:
    """Two training patients and a test patient with their scans, and what the progress callback heard."""
    heard: list[tuple[int, int]] = []
    folder = tmp_path_factory.mktemp("scanned")
    write_phantom(folder / "data", folder / "solution.csv", PhantomSettings(2, 1, seed=1), lambda *n: heard.append(n))
    return folder / "data", heard


def test_the_files_are_kaggles(tables: tuple[Path, Path, pd.DataFrame]) -> None:
    folder, _, truth = tables
    assert sorted(path.name for path in folder.iterdir()) == ["sample_submission.csv", "test.csv", "train.csv"]
    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    assert list(train) == COLUMNS
    assert list(test) == COLUMNS
    assert train["FVC"].dtype == np.int64
    assert set(train["Patient"]) == set(truth.loc[~truth["test"], "name"])
    assert list(test["Patient"]) == list(truth.loc[truth["test"], "name"])
    assert not set(train["Patient"]) & set(test["Patient"])
    assert train["Patient"].is_monotonic_increasing


def test_ids_are_like_the_real_ones(tables: tuple[Path, Path, pd.DataFrame]) -> None:
    names = tables[2]["name"]
    assert names.is_unique
    assert names.str.fullmatch(r"ID\d{5}63720\d{13}").all()
    assert len("ID00007637202177411956430") == names.str.len().unique().item()


def test_the_sample_asks_for_every_week_of_every_test_patient(tables: tuple[Path, Path, pd.DataFrame]) -> None:
    folder, _, truth = tables
    lines = (folder / "sample_submission.csv").read_text().splitlines()
    test = list(truth.loc[truth["test"], "name"])
    assert lines[0] == "Patient_Week,FVC,Confidence"
    assert lines[1:21] == [f"{name}_-12,2000,100" for name in test]
    assert lines[-1] == f"{test[-1]}_133,2000,100"
    assert len(lines) == 1 + 20 * 146


def test_the_solution_is_each_test_patients_last_three_visits(tables: tuple[Path, Path, pd.DataFrame]) -> None:
    folder, solution_path, truth = tables
    solution = pd.read_csv(solution_path)
    assert list(solution) == ["Patient_Week", "FVC"]
    patient, week = solution["Patient_Week"].str.rsplit("_", n=1, expand=True).to_numpy().T
    assert list(patient) == [name for name in truth.loc[truth["test"], "name"] for _ in range(3)]
    assert solution["Patient_Week"].isin(pd.read_csv(folder / "sample_submission.csv")["Patient_Week"]).all()
    first = pd.read_csv(folder / "test.csv").set_index("Patient")["Weeks"]
    assert (week.astype(int) > first.loc[list(patient)].to_numpy()).all()


def test_percent_is_fvc_over_a_constant_of_the_patient(tables: tuple[Path, Path, pd.DataFrame]) -> None:
    train = pd.read_csv(tables[0] / "train.csv")
    typical_ml = 100 * train["FVC"] / train["Percent"]
    truth = tables[2].set_index("name")["typical_ml"]
    np.testing.assert_allclose(typical_ml, truth.loc[train["Patient"]], rtol=1e-12)


def test_visits_are_scheduled_as_in_the_real_data(tables: tuple[Path, Path, pd.DataFrame]) -> None:
    train = pd.read_csv(tables[0] / "train.csv")
    visits = train.groupby("Patient").size()
    assert visits.between(6, 10).all()
    assert visits.median() == 9
    assert train["Weeks"].min() == -5
    assert 80 < train["Weeks"].max() <= 133
    assert (train.groupby("Patient")["Weeks"].diff().dropna() >= 0).all()
    # The real data has a second row in the baseline week for 6 of 140 patients, and in no other week.
    again = train[train.duplicated(["Patient", "Weeks"])]
    first = train.groupby("Patient")["Weeks"].first()
    assert (again["Weeks"].to_numpy() == first.loc[again["Patient"]].to_numpy()).all()
    assert 0.01 < len(again) / len(first) < 0.08


def test_patients_are_like_the_real_ones(tables: tuple[Path, Path, pd.DataFrame]) -> None:
    train = pd.read_csv(tables[0] / "train.csv")
    first = train.groupby("Patient").first()
    assert first["Age"].between(49, 88).all()
    assert first["Age"].mean() == pytest.approx(67.5, abs=1.2)
    assert (first["Sex"] == "Male").mean() == pytest.approx(0.79, abs=0.06)
    assert (first["SmokingStatus"] == "Ex-smoker").mean() == pytest.approx(0.67, abs=0.08)
    assert set(first["SmokingStatus"]) == {"Ex-smoker", "Never smoked", "Currently smokes"}
    assert train["FVC"].between(800, 6400).all()
    assert train["FVC"].mean() == pytest.approx(2690, abs=150)
    assert first["Percent"].mean() == pytest.approx(79.6, abs=3)


def test_the_reference_score_is_near_the_real_one(tables: tuple[Path, Path, pd.DataFrame]) -> None:
    """The first FVC carried forward with Confidence 225 scores −7.3206 on the real last three visits."""
    train = pd.read_csv(tables[0] / "train.csv")
    last = train.groupby("Patient").tail(3)
    first = train.groupby("Patient")["FVC"].first().loc[last["Patient"]].to_numpy()
    error_ml = np.minimum(np.abs(last["FVC"] - first), 1000)
    score = (-np.sqrt(2) * error_ml / 225 - np.log(np.sqrt(2) * 225)).mean()
    assert score == pytest.approx(-7.32, abs=0.15)


def test_fibrosis_foretells_the_decline_and_the_tables_do_not(tables: tuple[Path, Path, pd.DataFrame]) -> None:
    folder, _, truth = tables
    train = pd.read_csv(folder / "train.csv")
    seen = truth[~truth["test"]].set_index("name")
    slope = pd.Series({name: np.polyfit(v["Weeks"], v["FVC"], 1)[0] for name, v in train.groupby("Patient")})
    assert slope.mean() == pytest.approx(-4.5, abs=1)
    first = train.groupby("Patient").first()
    tabular = np.column_stack([first["Age"], first["Sex"] == "Male", first["FVC"], first["Percent"]]).astype(float)
    assert explained(slope.to_numpy(), tabular) < 0.05
    assert explained(slope.to_numpy(), seen.loc[slope.index, ["fibrosis"]].to_numpy()) > 0.3


def explained(response: np.ndarray, features: np.ndarray) -> float:
    """R² of a linear regression."""
    design = np.column_stack([np.ones(len(response)), features])
    residual = response - design @ np.linalg.lstsq(design, response, rcond=None)[0]
    return float(1 - residual.var() / response.var())


def test_fibrosis_shrinks_the_lungs() -> None:
    patients, _ = cohort(PhantomSettings(150, 0, seed=5))
    bodies = [anatomy(patient) for patient in patients]
    litres = np.array([body.lung_litres for body in bodies])
    assert 3 < litres.mean() < 5
    expected = litres / np.array([patient.typical_ml / 1000 for patient in patients])
    assert np.corrcoef(expected, [patient.fibrosis for patient in patients])[0, 1] < -0.4
    assert [body.fibrosis for body in bodies] == [patient.fibrosis for patient in patients]


def test_scans_lie_where_kaggle_puts_them(scanned: tuple[Path, list[tuple[int, int]]]) -> None:
    folder, heard = scanned
    train, test = (pd.read_csv(folder / f"{name}.csv")["Patient"].unique() for name in ("train", "test"))
    assert sorted(path.name for path in (folder / "train").iterdir()) == sorted(train)
    assert [path.name for path in (folder / "test").iterdir()] == list(test)
    assert heard == [(1, 3), (2, 3), (3, 3)]
    for scan in (*(folder / "train").iterdir(), *(folder / "test").iterdir()):
        files = {path.name for path in scan.iterdir()}
        assert files == {f"{n}.dcm" for n in range(1, len(files) + 1)}
        assert 12 <= len(files) <= 80
        picture = pydicom.dcmread(scan / "1.dcm")
        assert picture.PatientID == scan.name
        assert min(picture.Rows, picture.Columns) >= 128


def test_two_scans_are_compressed(scanned: tuple[Path, list[tuple[int, int]]]) -> None:
    folder, _ = scanned
    names = pd.read_csv(folder / "train.csv")["Patient"].unique()
    pictures = [pydicom.dcmread(folder / "train" / name / "2.dcm") for name in names]
    assert pictures[RLE].file_meta.TransferSyntaxUID == RLELossless
    assert pictures[JPEG].file_meta.TransferSyntaxUID == JPEGLosslessSV1
    (test,) = (folder / "test").iterdir()
    assert pydicom.dcmread(test / "2.dcm").file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert all(picture.pixel_array.std() > 100 for picture in pictures)


def test_the_same_settings_write_the_same_bytes(tmp_path: Path, scanned: tuple[Path, list[tuple[int, int]]]) -> None:
    write_phantom(tmp_path / "data", tmp_path / "solution.csv", PhantomSettings(2, 1, seed=1))
    files = sorted(path.relative_to(scanned[0]) for path in scanned[0].rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(tmp_path / "data") for p in (tmp_path / "data").rglob("*") if p.is_file())
    _, different, unread = filecmp.cmpfiles(scanned[0], tmp_path / "data", [str(file) for file in files], shallow=False)
    assert (different, unread) == ([], [])


def test_scans_or_not_the_tables_are_the_same(tmp_path: Path, scanned: tuple[Path, list[tuple[int, int]]]) -> None:
    write_phantom(tmp_path / "data", tmp_path / "solution.csv", PhantomSettings(2, 1, seed=1, scans=False))
    assert filecmp.cmp(tmp_path / "data" / "train.csv", scanned[0] / "train.csv", shallow=False)
    write_phantom(tmp_path / "other", tmp_path / "solution.csv", PhantomSettings(2, 1, seed=2, scans=False))
    assert not filecmp.cmp(tmp_path / "other" / "train.csv", scanned[0] / "train.csv", shallow=False)


def test_a_few_patients_have_no_readable_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, object] = {}

    def no_drawing(function: Callable[[object], int], orders: dict[str, object], progress: object) -> None:
        drawn.update(orders)

    monkeypatch.setattr("pulmo.competitions.osic.phantom.map_all", no_drawing)
    write_phantom(tmp_path / "data", tmp_path / "solution.csv", PhantomSettings(25, 2, seed=4))
    names = pd.read_csv(tmp_path / "data" / "train.csv")["Patient"].unique()
    assert len(drawn) == 27 - 4
    assert not {names[place] for place in (*NO_FOLDER, EMPTY_FOLDER, NOT_DICOM)} & set(drawn)
    train = tmp_path / "data" / "train"
    assert not any((train / names[place]).exists() for place in NO_FOLDER)
    assert list((train / names[EMPTY_FOLDER]).iterdir()) == []
    (only,) = (train / names[NOT_DICOM]).iterdir()
    with pytest.raises(pydicom.errors.InvalidDicomError):
        pydicom.dcmread(only)
