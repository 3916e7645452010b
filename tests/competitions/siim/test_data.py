from pathlib import Path

from pulmo.competitions.siim.data import folder_of_test_images, read_masks, sample, train_table
from pulmo.radiographs.files import ImageFolder, image_files


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


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


def test_the_real_files(siim_data: Path) -> None:
    masks = read_masks(train_table(siim_data))
    assert len(masks) == 12_047
    assert (masks["rle"] != "-1").sum() == 2_669
    files = image_files(ImageFolder(siim_data / "dicom-images-train"))
    assert files
    assert all(path.stem == image and path.is_file() for image, path in files.items())
    # Labelled images with and without a pneumothorax are among them.
    known = masks.set_index("image")["rle"].reindex(list(files)).dropna()
    assert (known != "-1").any()
    assert (known == "-1").any()
