"""What the tests of each competition's `data_check.check` share: its demo data, few and small."""

from pathlib import Path
from typing import Any

from pulmo.competition import find_competition
from pulmo.pipeline.settings import load_settings
from pulmo.protocols import DataCheck

SIZES: dict[str, dict[str, Any]] = {
    "osic": {"train_patients": 12, "test_patients": 2, "scans": False},
    "siim": {"train_images": 24, "test_images": 4, "pixels": 64},
    "rsna": {"train_images": 24, "test_images": 4, "pixels": 64},
    "dsb": {"train_scans": 6, "test_scans": 2, "seed": 1, "matrix": 64},
}


def draw_data(name: str, folder: Path) -> Path:
    """Draw a competition's demo data; their folder."""
    phantom = find_competition(name).phantom
    assert phantom is not None
    phantom.write_phantom(folder / "data", folder / "solution.csv", phantom.PhantomSettings(**SIZES[name]))
    return folder / "data"


def check(name: str, data: Path, *overrides: str) -> DataCheck:
    """Check data with the settings of the demo, in two folds."""
    competition = find_competition(name)
    assert competition.data_check is not None
    settings: Any = load_settings(competition.settings, competition.config, "demo", ["features.folds=2", *overrides])
    return competition.data_check.check(data, settings)


def faults(found: DataCheck) -> str:
    """All faults, a line each."""
    return "\n".join(map(str, found.faults))


def found_sound(name: str, data: Path) -> DataCheck:
    """Check data that have no fault; the check writes nothing."""
    before = sorted(data.rglob("*"))
    found = check(name, data)
    assert faults(found) == ""
    assert found.disk_bytes > 0
    assert found.memory_bytes > 1e9
    assert sorted(data.rglob("*")) == before
    return found
