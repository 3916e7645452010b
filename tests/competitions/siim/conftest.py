"""SIIM data small enough for a test, and the real ones where they are."""

from pathlib import Path

import pytest

from pulmo.competitions.siim.phantom import PhantomSettings, write_phantom
from pulmo.pipeline.runner import Run, run_stages
from tests.competitions.siim.support import run_of


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, 24 phantom X-rays and 4 to predict; and `solution.csv`."""
    folder = tmp_path_factory.mktemp("siim")
    write_phantom(folder / "data", folder / "solution.csv", PhantomSettings(24, 4, seed=0, pixels=128))
    return folder


@pytest.fixture(scope="session")
def finished(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All stages, run on `drawn`."""
    run = run_of(drawn / "data", tmp_path_factory.mktemp("work"))
    list(run_stages(run, [*run.competition.stages, run.competition.cv]))
    return run


@pytest.fixture(scope="session")
def siim_data(shared_data: Path) -> Path:
    """The real competition's files."""
    folder = shared_data / "siim-acr-pneumothorax-segmentation"
    if not folder.is_dir():
        pytest.skip(f"the real SIIM data are not at {folder.resolve()}")
    return folder
