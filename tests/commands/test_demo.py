"""`pulmo demo` on a phantom cohort small enough for a test, and `pulmo doctor`."""

import importlib.metadata
import sys
from functools import partial
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pulmo.commands import doctor
from pulmo.competition import find_competition
from pulmo.competitions.osic.phantom import PhantomSettings, write_phantom
from pulmo.kaggle.image import Image, with_requirements
from tests.support import run_pulmo

SLUG = find_competition("osic").kaggle_slug


@pytest.fixture
def small_cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve patients without scans, and a folder of one's own."""
    settings = partial(PhantomSettings, train_patients=12, test_patients=2, scans=False)
    monkeypatch.setattr("pulmo.competitions.osic.phantom.PhantomSettings", settings)
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("small_cohort")
def test_one_table_and_where_everything_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_pulmo(capsys, "demo", "osic")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split()[:2] == ["competition", "metric"]
    assert lines[1].startswith("osic")
    assert lines[1].endswith("submissions/osic/demo/submission.csv")
    assert Path("submissions/osic/demo/submission.csv").is_file()
    assert Path("submissions/osic/demo/score.json").is_file()
    assert [Path(line.split()[1]).is_file() for line in lines if line.startswith("page")] == [True]
    assert 'href="osic/demo/report.html"' in Path("submissions/index.html").read_text()
    assert "not for clinical use" in lines[-1]
    assert "unchanged" not in err

    solution = Path("work/demo/osic-solution.csv")
    hidden = solution.stat().st_mtime_ns
    _, again, err = run_pulmo(capsys, "demo", "osic")
    assert err.count("unchanged, skipped") == len(find_competition("osic").stages)
    assert solution.stat().st_mtime_ns == hidden
    assert again.splitlines()[1].split()[:9] == lines[1].split()[:9]


@pytest.mark.usefixtures("small_cohort")
def test_an_unknown_competition_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run_pulmo(capsys, "demo", "oscar")
    assert code == 2
    assert "oscar" in err
    assert "osic" in err


def test_the_doctor_names_what_is_missing_and_the_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = importlib.metadata.version

    def without_lightgbm(name: str) -> str:
        if name == "lightgbm":
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(importlib.metadata, "version", without_lightgbm)
    monkeypatch.setattr(doctor, "_DEVICES", "import no_such_backend")
    code, out, _ = run_pulmo(capsys, "doctor")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert "missing" in rows["lightgbm"]
    assert "pip install 'lightgbm" in rows["lightgbm"]
    assert installed("numpy") in rows["numpy"]
    assert "no_such_backend" in rows["networks"]
    assert "make setup" in rows["networks"]


def test_the_doctor_compares_disk_and_memory_with_the_data_at_hand(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_KEY", "KAGGLE_USERNAME", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    write_phantom(tmp_path / "data" / SLUG, tmp_path / "solution.csv", PhantomSettings(12, 2, seed=0, scans=False))
    monkeypatch.setattr(doctor, "_devices", lambda: {"what": "networks", "found": "", "do": ""})
    monkeypatch.setattr(doctor, "_free_disk", lambda: 1_000)
    code, out, _ = run_pulmo(capsys, "doctor")
    rows = {line.split("  ")[0]: line for line in out.splitlines()}
    assert code == 0
    assert "none" in rows["Kaggle's credentials"]
    assert "~/.kaggle/access_token" in rows["Kaggle's credentials"]
    assert f"{tmp_path} is writable" in rows["folders here"]
    assert "GiB free" in rows["memory"]
    assert "needs about 0.0 GiB of disk and" in rows["osic, preset full"]
    assert "free disk, or choose a smaller preset: `pulmo osic check --preset fast`" in rows["osic, preset full"]
    assert "siim, preset full" not in rows


@pytest.mark.parametrize("same", [True, False])
def test_the_doctor_tells_how_this_differs_from_kaggles_image(
    same: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    names = with_requirements(["pydantic"], here)
    versions = {name: importlib.metadata.version(name) for name in names} | {"pydantic": "2.0.99"}
    image = Image(here if same else "3.2", "2026-05-14", versions)
    monkeypatch.setattr(doctor, "read_images", lambda: (image, image))
    monkeypatch.setattr(doctor, "own_requirements", lambda: [Requirement("pydantic"), Requirement("python-gdcm")])
    code, out, _ = run_pulmo(capsys, "doctor", "--kaggle")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert code == 0
    assert rows["pydantic"][:2] == [importlib.metadata.version("pydantic"), "2.0.99"]
    assert ("Python" in rows) is not same
    assert ("pip install pydantic==2.0.99" in out) is same
    assert ("install Python 3.2, make setup" in out) is not same
    assert f"{len(names) - 1} of {len(names)} packages are as in Kaggle's image of 2026-05-14" in out
    assert f"It lacks python-gdcm {importlib.metadata.version('python-gdcm')}:" in out


@pytest.mark.slow
def test_the_doctor_asks_the_backend(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run_pulmo(capsys, "doctor")
    networks = next(line for line in out.splitlines() if line.startswith("networks"))
    assert "tensorflow" in networks
    assert "GPU" in networks
