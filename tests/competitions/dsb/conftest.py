"""Phantoms of every source, few and small."""

from pathlib import Path

import pytest

from pulmo.competitions.dsb.phantom import PhantomSettings, write_phantom


@pytest.fixture(scope="session")
def rats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 MR scans, a folder a class, and surveys beside some."""
    folder = tmp_path_factory.mktemp("mr")
    write_phantom(folder / "data", folder / "solution.csv", PhantomSettings(14, 0, 3, "mr"))
    return folder / "data"


@pytest.fixture(scope="session")
def lidc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 CT scans with annotations, scouts and X-rays."""
    folder = tmp_path_factory.mktemp("lidc")
    write_phantom(folder / "data", folder / "solution.csv", PhantomSettings(4, 0, 1, "lidc", matrix=64))
    return folder / "data"


@pytest.fixture(scope="session")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 labelled CT scans and 2 to be predicted; the hidden labels lie in `solution.csv` beside `data`."""
    folder = tmp_path_factory.mktemp("kaggle")
    write_phantom(folder / "data", folder / "solution.csv", PhantomSettings(8, 2, 1, matrix=96))
    return folder / "data"
