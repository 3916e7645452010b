"""`data_check.check` of SIIM."""

from pathlib import Path

from pulmo.competitions.siim.data import read_masks, train_table
from tests.competitions.data_checks import check, draw_data, faults, found_sound


def test_sound_data_have_no_fault_and_what_is_wrong_is_named(tmp_path: Path) -> None:
    drawn = draw_data("siim", tmp_path)
    found = found_sound("siim", drawn)
    assert found.counts["training images, in the table"] == 24
    assert found.counts["training images, with a file"] == 23  # the phantom leaves one out, as Kaggle does
    assert found.counts["test images, with a file"] == 4
    assert found.counts["training images, read of a sample"] == "6 of 6"
    assert found.counts["images with a pneumothorax"] == 8
    assert found.disk_bytes == 4 * 23 * 128**2
    assert found.memory_bytes == 1_500_000_000 + 2 * 23 * 128**2
    assert ": 8 patients with a pneumothorax have an image" in faults(check("siim", drawn, "features.folds=5"))
    assert faults(check("siim", drawn, "features.folds=4")) == ""
    ids = read_masks(train_table(drawn))["image"]
    first, second, *_ = (path for id_ in ids for path in drawn.rglob(f"{id_}.dcm"))
    first.write_bytes(b"no image")  # the first is always read
    found = check("siim", drawn)
    assert found.counts["training images, read of a sample"] == "5 of 6"
    assert any(note.startswith("One of the training images cannot be read and is left out") for note in found.notes)
    second.unlink()
    assert any("2 training images have no file and are left out" in note for note in check("siim", drawn).notes)
    for file in drawn.rglob("*.dcm"):
        file.write_bytes(b"no image")
    assert faults(check("siim", drawn)).count("not a DICOM file") >= 6
    (drawn / "stage_2_train.csv").unlink(missing_ok=True)
    (drawn / "train-rle.csv").unlink(missing_ok=True)
    assert "stage_2_train.csv: no such file" in faults(check("siim", drawn))
