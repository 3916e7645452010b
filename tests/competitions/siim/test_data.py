from pathlib import Path

import pytest

from pulmo.competitions.siim.data import (
    cut_hidden_test,
    folder_of_test_images,
    read_masks,
    read_sample,
    sample,
    train_table,
)
from pulmo.competitions.siim.submission import score
from pulmo.errors import UserError
from pulmo.training.image_files import image_files


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_images_are_found_flat_and_in_folders_of_study_and_series(tmp_path: Path) -> None:
    touched(tmp_path, "1.2.4.dcm", "s/t/1.2.3.dcm", "s/u/1.2.5.DCM", "s/notes.txt")
    assert list(image_files(tmp_path)) == ["1.2.3", "1.2.4", "1.2.5"]
    assert image_files(tmp_path)["1.2.3"] == tmp_path / "s/t/1.2.3.dcm"
    assert image_files(tmp_path / "nowhere") == {}


def test_an_image_that_is_there_twice_is_named(tmp_path: Path) -> None:
    touched(tmp_path, "a/1.dcm", "b/1.dcm")
    with pytest.raises(UserError, match=r"b/1\.dcm: is there again as .*a/1\.dcm"):
        image_files(tmp_path)


def test_files_of_either_stage_are_found(tmp_path: Path) -> None:
    assert train_table(tmp_path).name == "stage_2_train.csv"
    touched(tmp_path, "train-rle.csv", "sample_submission.csv", "dicom-images-test/a.dcm")
    assert train_table(tmp_path).name == "train-rle.csv"
    assert sample(tmp_path).name == "sample_submission.csv"
    assert folder_of_test_images(tmp_path).name == "dicom-images-test"
    touched(tmp_path, "stage_2_train.csv", "stage_2_sample_submission.csv", "stage_2_images/a.dcm")
    assert train_table(tmp_path).name == "stage_2_train.csv"
    assert sample(tmp_path).name == "stage_2_sample_submission.csv"
    assert folder_of_test_images(tmp_path).name == "stage_2_images"


def test_rows_of_one_image_become_one_mask(tmp_path: Path) -> None:
    (tmp_path / "train-rle.csv").write_text("ImageId, EncodedPixels\nb, 5 3\na, -1\nb, 7 2 4 1\nb, 5 3\n")
    assert read_masks(tmp_path / "train-rle.csv").to_numpy().tolist() == [["b", "5 4 4 1"], ["a", "-1"]]


def test_a_sample_is_read_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_text("ImageId,EncodedPixels\nb,-1\na,-1\n")
    assert read_sample(tmp_path / "sample.csv") == ["b", "a"]
    (tmp_path / "sample.csv").write_text("ImageId,EncodedPixels\nb,-1\nb,-1\n")
    with pytest.raises(UserError, match="row 3, ImageId: 'b' stands there again"):
        read_sample(tmp_path / "sample.csv")


def test_a_hidden_test_set_is_cut_from_training_data(tmp_path: Path) -> None:
    path = tmp_path / "train-rle.csv"
    path.write_text("ImageId,EncodedPixels\nb,5 3\na,-1\nb,7 2\nc,0 1\n")
    cut = cut_hidden_test(path, ["b", "a"])
    assert cut.train.to_numpy().tolist() == [["c", "0 1"]]
    assert cut.sample.to_numpy().tolist() == [["a", "-1"], ["b", "-1"]]
    assert cut.solution.to_numpy().tolist() == [["b", "5 3"], ["a", "-1"], ["b", "7 2"]]
    assert score(cut.solution, cut.sample, "ImageId") == 0.5
    with pytest.raises(UserError, match="has no image 'x'"):
        cut_hidden_test(path, ["x"])


def test_the_real_files(siim_data: Path) -> None:
    masks = read_masks(train_table(siim_data))
    assert len(masks) == 12_047
    assert (masks["cell"] != "-1").sum() == 2_669
    files = image_files(siim_data / "dicom-images-train")
    assert files
    assert all(path.stem == image and path.is_file() for image, path in files.items())
    # Labelled images with and without a pneumothorax are among them.
    known = masks.set_index("image")["cell"].reindex(list(files)).dropna()
    assert (known != "-1").any()
    assert (known == "-1").any()
