"""`data_check.check` of RSNA."""

from pathlib import Path

from tests.competitions.data_checks import check, draw_data, faults, found_sound


def test_sound_data_have_no_fault_and_what_is_wrong_is_named(tmp_path: Path) -> None:
    drawn = draw_data("rsna", tmp_path)
    found = found_sound("rsna", drawn)
    ids = sorted(path.stem for path in (drawn / "stage_2_train_images").glob("*.dcm"))
    assert found.counts["patients"] == len(ids) == 24
    assert (found.disk_bytes, found.memory_bytes) == (4 * 24 * 128**2, 1_500_000_000 + 2 * 24 * 128**2)
    assert any("Each image counts as a patient of its own" in note for note in found.notes)
    table = "".join(f"{id_},{number // 2}\n" for number, id_ in enumerate(ids))
    (drawn / "nih_patients.csv").write_text(f"patientId,nih_patient\n{table}")
    found = check("rsna", drawn)
    assert found.counts["patients"] == len(ids) / 2
    assert found.counts["images with a sibling, by nih_patients.csv"] == len(ids)
    assert found.notes == ()
    mine = drawn / "mine.csv"
    mine.write_text(f"patientId,person\n{table}")
    assert check("rsna", drawn, f"features.patients={mine}").counts["images with a sibling, by mine.csv"] == len(ids)
    test_image = sorted(path.stem for path in (drawn / "stage_2_test_images").glob("*.dcm"))[0]
    mine.write_text(f"patientId,person\n{table}{test_image},0\n")
    (note,) = check("rsna", drawn, f"features.patients={mine}").notes
    assert note.startswith(f"1 test images, such as {test_image}, are of patients who have training images")
    mine.write_text(f"patientId,person\n{table}{ids[0]},other\n")
    words = f"row {len(ids) + 2}, person: {ids[0]!r} is of patient 'other' here, of '0' in an earlier row"
    assert words in faults(check("rsna", drawn, f"features.patients={mine}"))
    mine.write_text("patientId,person\nsomebody,1\n")
    assert "none of its 1 ids is one of the 24 images" in faults(check("rsna", drawn, f"features.patients={mine}"))
    assert ": 7 patients with a box have an image. Give at least 40" in faults(
        check("rsna", drawn, "features.folds=20")
    )
    trained = ["train_lungs", "train_segmenter", "train_detector"]
    assert [training.stage for training in check("rsna", drawn).trainings] == trained
    elsewhere = check("rsna", drawn, "train_lungs.model=lungs.keras")
    assert [training.stage for training in elsewhere.trainings] == trained[1:]
    (drawn / "lung_rle.csv").unlink()
    assert [training.stage for training in check("rsna", drawn).trainings] == trained[1:]
    (drawn / "stage_2_test_images").rename(drawn / "elsewhere")
    assert "stage_2_test_images: there is no such folder" in faults(check("rsna", drawn))
