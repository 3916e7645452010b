"""RSNA data small enough for a test, and the real ones where they are."""

from pathlib import Path

import pytest

from pulmo.competitions.rsna.phantom import PhantomSettings, write_phantom
from pulmo.pipeline.runner import Run, run_stages
from tests.competitions.rsna.support import run_of

BROKEN = 3  # of the training images


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, 24 phantom X-rays and 4 to predict, one training X-ray cut short; and `solution.csv`."""
    folder = tmp_path_factory.mktemp("rsna")
    truth = write_phantom(folder / "data", folder / "solution.csv", PhantomSettings(24, 4, seed=0, pixels=128))
    broken = folder / "data/stage_2_train_images" / f"{truth['image'].iloc[BROKEN]}.dcm"
    broken.write_bytes(broken.read_bytes()[:1000])
    return folder


@pytest.fixture(scope="session")
def finished(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All stages, run on `drawn`."""
    run = run_of(drawn / "data", tmp_path_factory.mktemp("work"))
    list(run_stages(run, run.competition.stages))
    return run


@pytest.fixture(scope="session")
def rsna_data(shared_data: Path) -> Path:
    """The real competition's files."""
    folder = shared_data / "rsna-pneumonia-detection-challenge"
    if not folder.is_dir():
        pytest.skip(f"the real RSNA data are not at {folder.resolve()}")
    return folder
