"""`data_check.check` of each competition: sound demo data have no fault, and what is wrong with others is named."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from pulmo.competition import find_competition
from pulmo.competitions.dsb import phantom as dsb_phantom
from pulmo.competitions.osic import phantom as osic_phantom
from pulmo.competitions.rsna import phantom as rsna_phantom
from pulmo.competitions.siim import phantom as siim_phantom
from pulmo.competitions.siim.data import read_masks, train_table
from pulmo.pipeline.settings import load_settings
from pulmo.protocols import DataCheck

DRAWN = {
    "osic": (osic_phantom.write_phantom, osic_phantom.PhantomSettings(12, 2, 0, False)),
    "siim": (siim_phantom.write_phantom, siim_phantom.PhantomSettings(24, 4, 0, 64)),
    "rsna": (rsna_phantom.write_phantom, rsna_phantom.PhantomSettings(24, 4, 0, 64)),
    "dsb": (dsb_phantom.write_phantom, dsb_phantom.PhantomSettings(6, 2, 1, matrix=64)),
}


@pytest.fixture(scope="module")
def drawn_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A competition's demo data, few and small; the test's parameter names the competition."""
    folder = tmp_path_factory.mktemp(request.param)
    write: Any
    write, settings = DRAWN[request.param]
    write(folder / "data", folder / "solution.csv", settings)
    return folder / "data"


@pytest.fixture
def drawn(drawn_once: Path, tmp_path: Path) -> Path:
    """A copy of them, to be changed."""
    shutil.copytree(drawn_once, tmp_path / "data")
    return tmp_path / "data"


def check(name: str, data: Path, *overrides: str) -> DataCheck:
    competition = find_competition(name)
    assert competition.data_check is not None
    settings: Any = load_settings(competition.settings, competition.config, "demo", ["features.folds=2", *overrides])
    return competition.data_check.check(data, settings)


def faults(found: DataCheck) -> str:
    return "\n".join(map(str, found.faults))


@pytest.mark.parametrize(("name", "drawn_once"), [(name, name) for name in DRAWN], indirect=["drawn_once"])
def test_demo_data_are_sound(name: str, drawn: Path) -> None:
    before = sorted(drawn.rglob("*"))
    found = check(name, drawn)
    assert faults(found) == ""
    assert found.disk_bytes > 0
    assert found.memory_bytes > 1e9
    assert sorted(drawn.rglob("*")) == before


@pytest.mark.parametrize("drawn_once", ["osic"], indirect=True)
def test_osic(drawn: Path) -> None:
    found = check("osic", drawn)
    assert found.counts["patients with several visits"] == 12
    assert found.counts["training scans, with a file"] == 0
    assert "None of the 12 training scans has a file" in found.notes
    assert "12 patients have more than one visit. Give at least 20" in faults(check("osic", drawn, "features.folds=10"))
    sample = drawn / "sample_submission.csv"
    sample.write_text(sample.read_text() + "nobody_5,2000,100\n")
    assert "patient 'nobody' has no visit in test.csv" in faults(check("osic", drawn))
    (drawn / "train.csv").write_text((drawn / "train.csv").read_text().replace("Male", "male"))
    assert "Sex: 'male' is not known. Write Male or Female" in faults(check("osic", drawn))


@pytest.mark.parametrize("drawn_once", ["siim"], indirect=True)
def test_siim(drawn: Path) -> None:
    found = check("siim", drawn)
    assert found.counts["training images, in the table"] == 24
    assert found.counts["training images, with a file"] == 23  # the phantom leaves one out, as Kaggle does
    assert found.counts["test images, with a file"] == 4
    assert found.counts["training images, read of a sample"] == "6 of 6"
    assert found.disk_bytes == 4 * 23 * 128**2
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


@pytest.mark.parametrize("drawn_once", ["rsna"], indirect=True)
def test_rsna(drawn: Path) -> None:
    found = check("rsna", drawn)
    ids = sorted(path.stem for path in (drawn / "stage_2_train_images").glob("*.dcm"))
    assert found.counts["patients"] == len(ids)
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
    assert "patients with a box have an image. Give at least 40" in faults(check("rsna", drawn, "features.folds=20"))
    (drawn / "stage_2_test_images").rename(drawn / "elsewhere")
    assert "stage_2_test_images: there is no such folder" in faults(check("rsna", drawn))


@pytest.mark.parametrize("drawn_once", ["dsb"], indirect=True)
def test_dsb(drawn: Path) -> None:
    found = check("dsb", drawn)
    assert found.counts["modality"] == "CT"
    assert found.counts["scans with a label"] == 6
    assert found.counts["test scans, with a file"] == 2
    assert "patients of class 'cancer' cannot fill 8 folds" in faults(check("dsb", drawn, "features.folds=8"))
    (drawn / "stage2").rename(drawn / "elsewhere")
    assert "test scans: none of 2 has a folder" in faults(check("dsb", drawn))
