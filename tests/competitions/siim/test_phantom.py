"""SIIM's demo data: Kaggle's layout, and masks that are where the air is."""

import filecmp
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.siim.phantom import (
    CUT_SHORT,
    NO_IMAGE,
    NO_ROW,
    PhantomSettings,
    cohort,
    write_phantom,
)
from pulmo.competitions.siim.submission import read_solution, score
from pulmo.errors import ScanError
from pulmo.imaging.radiograph import read_radiograph
from pulmo.scoring.rle import decode, parse
from tests.support import map_here

SETTINGS = PhantomSettings(train_images=25, test_images=6, seed=2, pixels=128)
Phantom = tuple[Path, Path, pd.DataFrame, list[tuple[int, int]]]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Its folder, the solution, the truth, and what the progress callback heard."""
    folder = tmp_path_factory.mktemp("siim")
    return write(folder, SETTINGS)


def write(folder: Path, settings: PhantomSettings) -> Phantom:
    heard: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulmo.pipeline.parallel.map_items", map_here)
        truth = write_phantom(folder / "data", folder / "solution.csv", settings, lambda *n: heard.append(n))
    return folder / "data", folder / "solution.csv", truth, heard


def images(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.rglob("*.dcm")}


def test_the_files_are_kaggles(phantom: Phantom) -> None:
    folder, solution, truth, heard = phantom
    assert sorted(path.name for path in folder.iterdir()) == [
        "dicom-images-train",
        "stage_2_images",
        "stage_2_sample_submission.csv",
        "stage_2_train.csv",
    ]
    assert heard == [(n, 31) for n in range(1, 32)]
    train = [path.relative_to(folder).parts for path in (folder / "dicom-images-train").rglob("*.dcm")]
    assert {len(parts) for parts in train} == {4}
    assert all(parts[1].startswith("1.2.276.0.7230010.3.1.2.") and "3.1.3." in parts[2] for parts in train)
    assert set(images(folder / "dicom-images-train")) == set(truth.loc[~truth["test"], "image"])
    assert {path.stem for path in (folder / "stage_2_images").iterdir()} == set(truth.loc[truth["test"], "image"])
    first, *rest = (folder / "stage_2_train.csv").read_text().splitlines()
    assert first == "ImageId, EncodedPixels"
    assert all(row.count(",") == 1 for row in rest)
    sample = pd.read_csv(folder / "stage_2_sample_submission.csv", dtype=str)
    assert list(sample) == ["ImageId", "EncodedPixels"]
    assert list(sample["ImageId"]) == list(truth.loc[truth["test"], "image"])
    assert set(pd.read_csv(solution)["ImageId"]) == set(sample["ImageId"])


def test_a_third_has_a_pneumothorax_and_some_have_several_rows(phantom: Phantom) -> None:
    folder, _, truth, _ = phantom
    rows = pd.read_csv(folder / "stage_2_train.csv", dtype=str, skipinitialspace=True)
    train = truth[~truth["test"]]
    assert train["positive"].sum() == 9
    assert (train["area"] > 0).tolist() == train["positive"].tolist()
    positive = set(rows.loc[rows["EncodedPixels"] != "-1", "ImageId"])
    missing = set(train["image"]) - set(rows["ImageId"])
    assert positive | missing >= set(train.loc[train["positive"], "image"])
    assert not positive & set(train.loc[~train["positive"], "image"])
    counts = rows.groupby("ImageId").size()
    assert set(counts[counts > 1].index) <= positive
    assert counts.max() == 2


def test_the_odd_ones(phantom: Phantom) -> None:
    folder, _, truth, _ = phantom
    rows = set(pd.read_csv(folder / "stage_2_train.csv", dtype=str)["ImageId"])
    train = list(truth.loc[~truth["test"], "image"])
    assert rows - set(train) == {NO_IMAGE}
    assert set(train) - rows == {train[NO_ROW]}
    for name, path in images(folder).items():
        if name == train[CUT_SHORT]:
            with pytest.raises(ScanError, match="truncated"):
                read_radiograph(path)
        else:
            assert read_radiograph(path).grey.shape == (128, 128)


def test_masks_are_decoded_to_the_area_of_the_truth(phantom: Phantom) -> None:
    folder, solution, truth, _ = phantom
    tables = (folder / "stage_2_train.csv", solution)
    rows = pd.concat([pd.read_csv(path, dtype=str, skipinitialspace=True) for path in tables])
    area = truth.set_index("image")["area"]
    for name, cells in rows[rows["ImageId"] != NO_IMAGE].groupby("ImageId")["EncodedPixels"]:
        painted = decode(parse(list(cells)), (128, 128)).any(axis=0)
        assert painted.sum() == area[name]


def test_a_solution_scores_itself_fully_and_the_sample_by_its_negatives(phantom: Phantom) -> None:
    folder, solution_path, truth, _ = phantom
    solution = read_solution(solution_path)
    sample = pd.read_csv(folder / "stage_2_sample_submission.csv", dtype=str)
    negative = 1 - truth.loc[truth["test"], "positive"].mean()
    assert score(solution, sample, "ImageId") == pytest.approx(negative)


def test_headers_tell_age_sex_and_view(phantom: Phantom) -> None:
    folder, _, truth, _ = phantom
    seen = truth.set_index("image")
    for name, path in images(folder).items():
        header = read_radiograph(path).header if name != list(truth["image"])[CUT_SHORT] else None
        if header:
            assert (header.view, header.sex) == (seen.loc[name, "view"], seen.loc[name, "sex"])
            assert header.age_years
            assert 1 < header.age_years < 95


def test_the_same_settings_write_the_same_bytes(tmp_path: Path) -> None:
    settings = PhantomSettings(3, 1, seed=5, pixels=64)
    (first, *_), (again, *_) = write(tmp_path / "a", settings), write(tmp_path / "b", settings)
    files = sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file())
    assert len(files) == 4 + 2
    assert filecmp.cmpfiles(first, again, files, shallow=False) == (files, [], [])
    other, *_ = write(tmp_path / "c", PhantomSettings(3, 1, seed=6, pixels=64))
    assert set(images(first)) != set(images(other))


def test_in_other_processes_the_pictures_are_the_same(tmp_path: Path) -> None:
    settings = PhantomSettings(2, 0, seed=5, pixels=64)
    here, *_ = write(tmp_path / "here", settings)
    write_phantom(tmp_path / "there" / "data", tmp_path / "there" / "solution.csv", settings)
    for name, path in images(here).items():
        assert path.read_bytes() == images(tmp_path / "there" / "data")[name].read_bytes()


def test_ids_are_unique_and_like_the_real_ones() -> None:
    train, test = cohort(PhantomSettings(500, 200))
    assert len({case.image for case in (*train, *test)}) == 700
    assert all(case.image.startswith("1.2.276.0.7230010.3.1.4.8323329.") for case in train)
    assert all(case.image.startswith("ID_") and len(case.image) == 12 for case in test)
    assert np.mean([case.positive for case in train]) == pytest.approx(0.36)
