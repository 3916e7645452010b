"""RSNA's demo data: Kaggle's layout, boxes where opacities are, lungs beside them."""

import filecmp
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.rsna.data import NORMAL, OPACITY, OTHER
from pulmo.competitions.rsna.phantom import (
    IMPOSSIBLE_AGE,
    PhantomSettings,
    cohort,
    write_phantom,
)
from pulmo.competitions.rsna.submission import read_solution
from pulmo.imaging.radiograph import read_radiograph
from pulmo.scoring.rle import decode, parse
from tests.support import map_here

SETTINGS = PhantomSettings(train_images=24, test_images=6, seed=2, pixels=256)
Phantom = tuple[Path, Path, pd.DataFrame, list[tuple[int, int]]]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Its folder, the solution, the truth, and what the progress callback heard."""
    return write(tmp_path_factory.mktemp("rsna"), SETTINGS)


def write(folder: Path, settings: PhantomSettings) -> Phantom:
    heard: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulmo.pipeline.parallel.map_items", map_here)
        truth = write_phantom(folder / "data", folder / "solution.csv", settings, lambda *n: heard.append(n))
    return folder / "data", folder / "solution.csv", truth, heard


def test_the_files_are_kaggles(phantom: Phantom) -> None:
    folder, _, truth, heard = phantom
    assert sorted(path.name for path in folder.iterdir()) == [
        "lung_rle.csv",
        "stage_2_detailed_class_info.csv",
        "stage_2_sample_submission.csv",
        "stage_2_test_images",
        "stage_2_train_images",
        "stage_2_train_labels.csv",
    ]
    assert heard == [(n, 30) for n in range(1, 31)]
    for name, is_test in (("train", False), ("test", True)):
        found = {path.stem for path in (folder / f"stage_2_{name}_images").iterdir()}
        assert found == set(truth.loc[truth["test"] == is_test, "image"])
    sample = (folder / "stage_2_sample_submission.csv").read_text().splitlines()
    assert sample[0] == "patientId,PredictionString"
    assert sample[1:] == [f"{name},0.5 0 0 100 100" for name in truth.loc[truth["test"], "image"]]


def test_labels_and_classes_have_a_row_a_box(phantom: Phantom) -> None:
    folder, _, truth, _ = phantom
    labels = pd.read_csv(folder / "stage_2_train_labels.csv")
    classes = pd.read_csv(folder / "stage_2_detailed_class_info.csv")
    assert list(labels) == ["patientId", "x", "y", "width", "height", "Target"]
    assert list(classes) == ["patientId", "class"]
    assert list(classes["patientId"]) == list(labels["patientId"])
    assert ((classes["class"] == OPACITY) == (labels["Target"] == 1)).all()
    assert (labels[["x", "y", "width", "height"]].notna().all(axis=1) == (labels["Target"] == 1)).all()
    train = truth[~truth["test"]].set_index("image")
    assert classes.drop_duplicates().set_index("patientId")["class"].to_dict() == train["class"].to_dict()
    assert train["class"].value_counts().to_dict() == {OPACITY: 9, OTHER: 8, NORMAL: 7}
    assert labels.groupby("patientId")["Target"].sum().to_dict() == train["boxes"].to_dict()
    assert train["boxes"].between(0, 3).all()


def test_boxes_lie_over_the_lungs_and_are_brighter_than_the_lungs_elsewhere(phantom: Phantom) -> None:
    folder, _, _, _ = phantom
    labels = pd.read_csv(folder / "stage_2_train_labels.csv").dropna().set_index("patientId")
    masks = pd.read_csv(folder / "lung_rle.csv", dtype=str).set_index("ImageId")["EncodedPixels"].to_dict()
    contrasts = []
    for image, boxes in labels.groupby(level=0):
        (lungs,) = decode(parse([masks[str(image)]]), (256, 256)) > 0
        inside = np.zeros_like(lungs)
        for x, y, width, height in boxes[["x", "y", "width", "height"]].astype(int).to_numpy():
            assert min(x, y) >= 0
            assert max(x + width, y + height) <= 256
            inside[y : y + height, x : x + width] = True
            assert lungs[y : y + height, x : x + width].mean() > 0.35
        grey = read_radiograph(folder / "stage_2_train_images" / f"{image}.dcm").grey
        contrasts.append(grey[lungs & inside].mean() - grey[lungs & ~inside].mean())
    assert len(contrasts) == 9
    assert np.median(contrasts) > 10


def test_lungs_of_every_training_image(phantom: Phantom) -> None:
    folder, _, truth, _ = phantom
    table = pd.read_csv(folder / "lung_rle.csv", dtype=str)
    assert list(table) == ["ImageId", "EncodedPixels"]
    assert list(table["ImageId"]) == list(truth.loc[~truth["test"], "image"])
    shares = decode(parse(list(table["EncodedPixels"])), (256, 256)).mean(axis=(1, 2))
    assert (shares > 0.08).all()
    assert (shares < 0.4).all()


def test_the_solution_reads_as_labels(phantom: Phantom) -> None:
    _, solution, truth, _ = phantom
    found = read_solution(solution)
    assert set(found["patientId"]) == set(truth.loc[truth["test"], "image"])
    assert pd.read_csv(solution)["Target"].sum() == truth.loc[truth["test"], "boxes"].sum()


def test_headers_and_the_impossible_age(phantom: Phantom) -> None:
    folder, _, truth, _ = phantom
    ages = []
    for row in truth.itertuples():
        name = f"stage_2_{'test' if row.test else 'train'}_images"
        header = read_radiograph(folder / name / f"{row.image}.dcm").header
        assert (header.patient, header.view, header.sex) == (row.image, row.view, row.sex)
        assert header.pixel_spacing_mm
        ages.append(header.age_years or 0)
    assert ages[IMPOSSIBLE_AGE] == 148
    assert sum(age > 100 for age in ages) == 1


def test_the_same_settings_write_the_same_bytes(tmp_path: Path) -> None:
    settings = PhantomSettings(3, 1, seed=5, pixels=64)
    (first, *_), (again, *_) = write(tmp_path / "a", settings), write(tmp_path / "b", settings)
    files = sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file())
    assert len(files) == 4 + 4
    assert filecmp.cmpfiles(first, again, files, shallow=False) == (files, [], [])


def test_ids_are_like_the_real_ones() -> None:
    train, test = cohort(PhantomSettings(300, 100))
    names = [case.image for case in (*train, *test)]
    assert len(set(names)) == 400
    assert all(len(name) == 36 and name.count("-") == 4 for name in names)
    assert [case.image for case in train] == sorted(case.image for case in train)
    assert [case.age for case in train].count("148") == 1
