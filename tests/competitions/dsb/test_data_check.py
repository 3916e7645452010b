"""`data_check.check` of DSB."""

from pathlib import Path

from pulmo.competitions.dsb.data_check import SCAN_BYTES
from pulmo.pipeline.data_check import LIBRARY_BYTES
from tests.competitions.data_checks import check, draw_data, faults, found_sound


def test_sound_data_have_no_fault_and_what_is_wrong_is_named(tmp_path: Path) -> None:
    drawn = draw_data("dsb", tmp_path)
    found = found_sound("dsb", drawn)
    assert found.counts["modality"] == "CT"
    assert found.counts["scans with a label"] == 6
    assert found.counts["test scans, with a file"] == 2
    size = ("features.size=[8, 16, 32]", "features.channels=['mean', 'nodule_enhanced']")
    sized = check("dsb", drawn, *size)
    assert sized.disk_bytes == 8 * (8 * 16 * 32) * 2 * 2  # eight scans, two channels of two bytes
    assert sized.memory_bytes == LIBRARY_BYTES + SCAN_BYTES + sized.disk_bytes
    assert "patients of class 'cancer' cannot fill 8 folds" in faults(check("dsb", drawn, "features.folds=8"))
    (drawn / "stage2").rename(drawn / "elsewhere")
    assert "test scans: none of 2 has a folder" in faults(check("dsb", drawn))


def test_without_a_sample_nothing_is_said_of_test_scans(tmp_path: Path) -> None:
    drawn = draw_data("dsb", tmp_path)
    (drawn / "stage2_sample_submission.csv").unlink()
    found = check("dsb", drawn)
    assert found.counts["training scans, with a file"] == 6
    assert not any(name.startswith("test scans") for name in found.counts)
    assert not any("test scans" in note for note in found.notes)
