"""`data_check.check` of DSB."""

import shutil
from pathlib import Path

import pytest

from tests.competitions.data_checks import check, draw_data, faults, found_sound


@pytest.fixture(scope="module")
def drawn_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_data("dsb", tmp_path_factory.mktemp("dsb"))


@pytest.fixture
def drawn(drawn_once: Path, tmp_path: Path) -> Path:
    """Six labelled scans, three of each class, and two to be predicted."""
    return Path(shutil.copytree(drawn_once, tmp_path / "data"))


def test_sound_data_have_no_fault_and_what_is_wrong_is_named(drawn: Path) -> None:
    found = found_sound("dsb", drawn)
    assert found.counts["modality"] == "CT"
    assert found.counts["scans with a label"] == 6
    assert found.counts["of class 'cancer'"] == 3
    assert found.counts["test scans, with a file"] == 2
    sized = check("dsb", drawn, "features.size=[8, 16, 32]", "features.channels=['mean', 'nodule_enhanced']")
    stored = 8 * (8 * 16 * 32) * 2 * 2  # eight scans, two channels of two bytes
    assert (sized.disk_bytes, sized.memory_bytes) == (stored, 2_500_000_000 + stored)
    assert faults(check("dsb", drawn, "features.folds=3")) == ""
    assert ": 3 patients of class 'cancer' cannot fill 4 folds" in faults(check("dsb", drawn, "features.folds=4"))
    (drawn / "stage2").rename(drawn / "elsewhere")
    assert "test scans: none of 2 has a folder" in faults(check("dsb", drawn))


def test_without_a_sample_nothing_is_said_of_test_scans(drawn: Path) -> None:
    (drawn / "stage2_sample_submission.csv").unlink()
    found = check("dsb", drawn)
    assert found.counts["training scans, with a file"] == 6
    assert not any(name.startswith("test scans") for name in found.counts)
    assert not any("test scans" in note for note in found.notes)
