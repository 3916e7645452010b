"""A table and a folder become a training set; images that are missing or unreadable are noted and stop nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.errors import UserError
from pulmo.phantom.radiograph_dicom import PatientHeader
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.cache import ImageFormat, cache_images
from pulmo.radiographs.dataset import (
    LabelSource,
    kinds_of_labels,
    patient_folds,
    read_labelled_images,
    require_positives,
    resized_mask,
)
from pulmo.radiographs.files import ImageFolder, requested_images
from pulmo.radiographs.phantom import cut_short, write_image
from pulmo.radiographs.reading import RASTER
from pulmo.scoring.patients import PatientTable
from tests.radiographs.support import read_json_image, stage_of

HEADER = PatientHeader("p", "50", "F", "PA", "0.143", "1.2.1", "1.2.2", "1.2.3")
LABELS = pd.DataFrame({"image": ["d", "a", "c", "gone", "b"], "nodule": [1, 0, 1, 1, 0]})
MIXED = ImageFolder(Path(), (".dcm", *RASTER))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Images of level 10, 20 … in three formats: `b` is cut short, `stray` has no row."""
    for level, name in enumerate(("a.png", "b.jpg", "c.dcm", "d.jpg", "stray.png"), start=1):
        write_image(tmp_path / "data/train" / name, np.full((16, 16), 10 * level, np.uint8), HEADER)
    cut_short(tmp_path / "data/train/b.jpg")
    return stage_of(tmp_path / "data", tmp_path / "work", monkeypatch)


def source_of(stage: Stage, **patients: str) -> LabelSource:
    table = PatientTable(stage.data / "nih_patients.csv", patients) if patients else None
    return LabelSource(stage.data / "train.csv", MIXED._replace(path=stage.data / "train"), table)


def test_rows_and_images_are_in_one_order_and_what_is_left_out_is_noted(stage: Stage) -> None:
    images = read_labelled_images(stage, LABELS, source_of(stage), ImageFormat(8))
    assert images["image"].tolist() == ["d", "a", "c", "b"]
    assert images["nodule"].tolist() == [1, 0, 1, 0]
    pixels = np.load(stage.workspace / "images.npy")
    assert pixels.shape == (4, 8, 8)
    assert np.abs(pixels.mean(axis=(1, 2)) - [40, 10, 30, 0]).max() <= 1
    assert images["error"].notna().tolist() == [False, False, False, True]
    # The DICOM file's header names its patient; those without a header are patients of their own.
    assert images["patient"].tolist() == ["d", "a", "p", "b"]
    notes = "\n".join(stage.notes)
    assert "An image is left out: " in notes
    assert "b.jpg: cannot be read" in notes
    assert "3 X-rays are of 3 patients by the headers' PatientID, for there is no nih_patients.csv; 0 have" in notes
    assert "images of train.csv without a file in train: 1, left out, such as gone" in notes
    assert "files in train without a row in train.csv: 1, left out, such as stray" in notes


def test_patients_are_the_table_s_or_the_nih_s_before_the_header_s(stage: Stage) -> None:
    nih = read_labelled_images(stage, LABELS, source_of(stage, a="7", c="7", other="8"), ImageFormat(8))
    assert nih["patient"].tolist() == ["d", "7", "7", "b"]
    notes = "\n".join(stage.notes)
    assert "1 of 3 X-rays are not in nih_patients.csv, such as d: their headers name the patients" in notes
    assert "3 X-rays are of 2 patients by nih_patients.csv; 2 have a sibling, another X-ray of the same" in notes
    assert "1 images in nih_patients.csv have no row in train.csv, such as other" in notes
    everyone = dict.fromkeys(LABELS["image"], "7")
    before = len(stage.notes)
    read_labelled_images(stage, LABELS, source_of(stage, **everyone), ImageFormat(8))
    assert not any("have no row" in note for note in stage.notes[before:])
    known = LABELS.assign(patient=np.array(["x", "y", "x", "y", "z"]))
    assert read_labelled_images(stage, known, source_of(stage), ImageFormat(8))["patient"].tolist() == list("xyxz")


def test_the_user_s_table_without_any_image_is_refused_before_images_are_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulmo.radiographs.dataset.cache_images", lambda *_: pytest.fail("images are read"))
    patients = PatientTable(Path("mine.csv"), {"a.dcm": "7", "gone": "8"}, given=True)  # of `gone` there is no file
    with pytest.raises(UserError, match=r"mine\.csv: none of its 2 ids is one of the 4 images: they have the ending"):
        read_labelled_images(stage, LABELS, source_of(stage)._replace(patients=patients), ImageFormat(8))


def test_no_image_at_all_is_an_error(stage: Stage) -> None:
    with pytest.raises(UserError, match=r"none of its 1 ids is the name of one of the 5 \.dcm or \.png or"):
        read_labelled_images(stage, LABELS.iloc[3:4], source_of(stage), ImageFormat(8))


def test_a_competition_may_bring_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of(tmp_path, tmp_path / "work", monkeypatch)
    (tmp_path / "a.json").write_text("[[1, 2], [3, 4]]")
    (tmp_path / "b.json").write_text("[[1, 2")
    files = {name: tmp_path / f"{name}.json" for name in "ab"}
    headers = cache_images(stage, "images", files, ImageFormat(2, reader=read_json_image))
    assert np.load(tmp_path / "work/images.npy").tolist() == [[[1, 2], [3, 4]], [[0, 0], [0, 0]]]
    assert headers["rows"].tolist()[0] == 2
    assert "b.json: is no JSON" in headers["error"]["b"]


def test_test_images_are_those_of_the_sample_else_of_the_folder(stage: Stage) -> None:
    sample, folder = stage.data / "sample.csv", MIXED._replace(path=stage.data / "train")
    ids, files = requested_images(stage, sample, "image", folder)
    assert ids == list(files) == ["a", "b", "c", "d", "stray"]
    assert "There is no" in stage.notes[-1]
    sample.write_text("Image,label\nc,0\nx,0\na,0\ny,0\n")
    ids, files = requested_images(stage, sample, "image", folder, {"Image": "image"})
    assert ids == ["c", "x", "a", "y"]
    assert {image: file.name for image, file in files.items()} == {"c": "c.dcm", "a": "a.png"}
    assert stage.notes[-1] == "2 of 4 test images have no file in train and are submitted without a finding: x, y"
    sample.write_text("image\nc\nc\n")
    with pytest.raises(UserError, match="row 3, image: 'c' is repeated"):
        requested_images(stage, sample, "image", folder)
    sample.write_text("image,label\n")
    with pytest.raises(UserError, match="has no row"):
        requested_images(stage, sample, "image", folder)


def test_folds_are_by_patient_and_unreadable_images_are_in_none(stage: Stage) -> None:
    count = 24
    images = pd.DataFrame({"patient": [f"p{number // 2}" for number in range(count)], "error": None})
    images.loc[[0, 5], "error"] = "cut short"
    fold = patient_folds(stage, images, np.arange(count) // 12, 3)
    assert np.flatnonzero(fold < 0).tolist() == [0, 5]
    by_patient = images.assign(fold=fold)[fold >= 0].groupby("patient")["fold"]
    assert (by_patient.min() == by_patient.max()).all()
    assert np.bincount(by_patient.first()).tolist() == [4, 4, 4]


def test_too_few_patients_with_a_finding_are_an_error() -> None:
    images = pd.DataFrame({"patient": ["a", "a", "b", "c", "d"], "error": [None, None, None, "cut short", None]})
    positive = np.array([True, True, True, True, False])
    require_positives(images, positive, 1, Path("train.csv"))
    with pytest.raises(UserError, match=r"2 patients with a finding have a readable image\. Give at least 6, or"):
        require_positives(images, positive, 3, Path("train.csv"))


def test_a_mask_keeps_the_share_of_each_pixel() -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[:2, :2] = mask[2, 2] = 1
    assert resized_mask(mask, 2).tolist() == [[255, 0], [0, 64]]


def test_the_stratum_of_several_labels_is_the_rarest() -> None:
    label = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 1], [1, 1, 0]])  # 4, 2 and 1 images
    assert kinds_of_labels(label).tolist() == [1, 2, 0, 3, 2]
