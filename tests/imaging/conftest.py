"""Phantom chests on disk, and real series where available."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pulmo.imaging.slices import SliceHeader
from pulmo.phantom.chest import Body, plain_lungs
from pulmo.phantom.dicom import Encoding, write_series
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import Grid, axial, evenly

SHARED_DATA = Path(__file__).parents[2] / "../shared/data"

WriteScan = Callable[..., Path]


@pytest.fixture
def write_scan(tmp_path: Path) -> WriteScan:
    """(body, grid, encoding) → the folder of a series with the noise of a scanner."""

    def write(body: Body, grid: Grid, encoding: Encoding | None = None) -> Path:
        folder = tmp_path / "series"
        write_series(folder, draw(body, grid, noise_sd=15), grid, None, encoding)
        return folder

    return write


@pytest.fixture
def small_grid() -> Grid:
    """A whole torso of size 0.75 in 42 slices of 160 × 160."""
    return axial(evenly(42, 6.0), (160, 160), 1.7)


@pytest.fixture
def small_body() -> Body:
    return plain_lungs(0.8, 1.0, 0.75)


@pytest.fixture
def real_scan() -> Callable[[str], Path]:
    """The folder of a real series; skips where the shared data are absent."""

    def find(name: str) -> Path:
        folder = SHARED_DATA / name
        if not folder.is_dir():
            pytest.skip(f"the real series {name} is not here: {SHARED_DATA} is shared beside the repository, not in it")
        return folder

    return find


@pytest.fixture
def header() -> SliceHeader:
    """An axial slice at z = 0, 4 × 4, signed 16 bit."""
    return SliceHeader(
        path=Path("1.dcm"),
        modality="CT",
        image_type="ORIGINAL\\PRIMARY\\AXIAL",
        patient="A",
        series="1.2",
        acquisition="1",
        instance=1,
        rows=4,
        columns=4,
        position_mm=(0.0, 0.0, 0.0),
        orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        pixel_spacing_mm=(1.0, 1.0),
        thickness_mm=1.0,
        location_mm=0.0,
        slope=1.0,
        intercept=-1024.0,
        has_intercept=True,
        padding=None,
        syntax="1.2.840.10008.1.2.1",
        dtype="<i2",
        bits_allocated=16,
        bits_stored=16,
        high_bit=15,
        swapped=False,
        pixels=(0, 32),
    )
