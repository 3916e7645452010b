"""OSIC data small enough for a test, and the real ones where they are."""

from pathlib import Path

import pytest

from pulmo.competitions.osic.phantom import PhantomSettings, write_phantom
from pulmo.pipeline.runner import Run, run_stages
from tests.competitions.osic.support import run_of


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kaggle's three CSV files of 24 phantom patients, and 2 to predict; no scans."""
    folder = tmp_path_factory.mktemp("osic")
    write_phantom(folder / "data", folder / "solution.csv", PhantomSettings(24, 2, seed=0, scans=False))
    return folder / "data"


@pytest.fixture(scope="session")
def finished(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All stages, run on `tables`."""
    run = run_of(tables, tmp_path_factory.mktemp("work"))
    list(run_stages(run, run.competition.stages))
    return run


@pytest.fixture(scope="session")
def osic_data(shared_data: Path) -> Path:
    """The real competition's files."""
    folder = shared_data / "osic-pulmonary-fibrosis-progression"
    if not folder.is_dir():
        pytest.skip(f"the real OSIC data are not at {folder.resolve()}")
    return folder
