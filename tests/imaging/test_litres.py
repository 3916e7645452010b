"""Measured volumes of ellipsoid lungs are within 1 %, for any acquisition and encoding."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from pulmo.imaging.statistics import scan_statistics
from pulmo.phantom.chest import AIR, Body, chest, plain_lungs
from pulmo.phantom.dicom import Encoding, Series, write_series, write_slice
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import Grid, Vector, axial, evenly
from pulmo.phantom.shapes import Ellipsoid, rod


def assert_right(folder: Path, body: Body) -> dict[str, float | int | str]:
    found = scan_statistics(folder)
    assert found["lung_litres_left"] == pytest.approx(body.lung_litres_left, rel=0.01)
    assert found["lung_litres_right"] == pytest.approx(body.lung_litres_right, rel=0.01)
    assert found["lung_litres"] == pytest.approx(body.lung_litres, rel=0.01)
    return found


@pytest.mark.parametrize("spacing_mm", [0.6, 1.0, 2.5, 5.0, 7.5, 10.0])
def test_slice_spacing(write_scan: Callable[..., Path], spacing_mm: float) -> None:
    # The thinner the slices, the shorter the part of the body between the lungs' ends and the scan's.
    body = plain_lungs(0.8, 1.0, 0.75)
    length = 200 if spacing_mm < 2 else 240
    grid = axial(evenly(int(length / spacing_mm), spacing_mm), (160, 160), 1.7)
    found = assert_right(write_scan(body, grid), body)
    assert found["spacing_z_mm"] == pytest.approx(spacing_mm)
    assert found["repairs"] == ""


@pytest.mark.parametrize("tilt_degrees", [0, 10, 25])
def test_gantry_tilt(write_scan: Callable[..., Path], small_body: Body, tilt_degrees: float) -> None:
    grid = axial(evenly(46, 6.0), (200, 200), 1.7, tilt_degrees=tilt_degrees)
    assert_right(write_scan(small_body, grid), small_body)


@pytest.mark.parametrize(
    ("degrees", "about"),
    [
        (20, (1.0, 1.0, 0.3)),
        (45, (1.0, 0.2, 0.0)),
        (90, (0.0, 1.0, 0.0)),
        (90, (1.0, 0.0, 0.0)),
        (180, (0.0, 1.0, 0.0)),
    ],
    ids=["oblique 20°", "oblique 45°", "sagittal", "coronal", "feet and sides turned"],
)
def test_any_orientation(write_scan: Callable[..., Path], small_body: Body, degrees: float, about: Vector) -> None:
    grid = axial(evenly(50, 6.0), (190, 190), 1.7).rotated(degrees, about)
    assert_right(write_scan(small_body, grid), small_body)


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_order_of_files(write_scan: Callable[..., Path], small_body: Body, small_grid: Grid, order: str) -> None:
    positions = np.array(small_grid.slice_mm)
    order_of = positions[::-1] if order == "reversed" else np.random.default_rng(0).permutation(positions)
    assert_right(write_scan(small_body, replace(small_grid, slice_mm=tuple(order_of.tolist()))), small_body)


def test_missing_slices(write_scan: Callable[..., Path], small_body: Body, small_grid: Grid) -> None:
    found = assert_right(write_scan(small_body, small_grid.without([12, 20, 21])), small_body)
    assert "2 gaps of up to 18 mm where 6 mm is the median" in str(found["repairs"])


def test_duplicates(write_scan: Callable[..., Path], small_body: Body, small_grid: Grid) -> None:
    twice = (*small_grid.slice_mm, *small_grid.slice_mm[10:15])
    found = assert_right(write_scan(small_body, replace(small_grid, slice_mm=twice)), small_body)
    assert found["repairs"] == (
        "5 slices left out: another phase (InstanceNumber 43–47); one of several phases: InstanceNumber 1–42"
    )
    assert found["slices"] == len(small_grid.slice_mm)


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(intercept=0, signed=True),
        Encoding(intercept=-1000, signed=True),
        Encoding(intercept=-1024, bits_stored=12),
        Encoding(intercept=-8192),
        Encoding(intercept=-1024, slope=0.5),
        Encoding(intercept=-1024.5, slope=2.0),
        Encoding(intercept=0, signed=True, padding=-2000),
        Encoding(intercept=-1024, signed=True, padding=-2000),
        Encoding(intercept=0, signed=True, padding=-3024),
        Encoding(intercept=-1024, padding=0),
        Encoding(transfer_syntax=ImplicitVRLittleEndian),
        Encoding(transfer_syntax=ExplicitVRBigEndian),
        Encoding(transfer_syntax=DeflatedExplicitVRLittleEndian),
        Encoding(transfer_syntax=RLELossless),
        Encoding(transfer_syntax=JPEGLosslessSV1, signed=True, intercept=0),
        Encoding(transfer_syntax=JPEGLSLossless),
        Encoding(transfer_syntax=JPEG2000Lossless, signed=True, padding=-2000),
    ],
    ids=str,
)
def test_encoding(write_scan: Callable[..., Path], small_body: Body, encoding: Encoding) -> None:
    grid = axial(evenly(28, 9.0), (160, 160), 1.7)
    assert_right(write_scan(small_body, grid, encoding), small_body)


def windpipe_cut_open() -> Body:
    body = chest(0.8, 1.0, 0.75)
    return replace(body, surroundings=(*body.surroundings, rod((0, 2, 90), (0, -110, 105), 7, AIR)))


def table_of_foam() -> Body:
    """A table of foam as light as lung in a thin shell, touching the back."""
    body = chest(0.8, 1.0, 0.75)
    shell, foam = Ellipsoid((0, 112, 0), (300, 24, 1e4), -200), Ellipsoid((0, 112, 0), (297, 21, 1e4), -850)
    return replace(body, surroundings=(shell, foam, *body.surroundings))


@pytest.mark.parametrize(
    "body",
    [
        chest(0.8, 1.0, 0.75),
        chest(0.8, 1.0, 0.75, airways="apart"),
        chest(0.8, 1.0, 0.75).with_vessels(),
        chest(0.8, 1.0, 0.75).joined(),
        chest(0.8, 1.0, 0.75).on_table(),
        table_of_foam(),
        windpipe_cut_open(),
    ],
    ids=["bowel and windpipe", "airways apart", "vessels", "lungs joined", "table", "foam table", "tracheostomy"],
)
def test_surroundings_do_not_change_the_lungs(write_scan: Callable[..., Path], body: Body) -> None:
    grid = axial(evenly(50, 5.0), (190, 190), 1.5)
    assert_right(write_scan(body, grid), body)


def test_full_size_chest(write_scan: Callable[..., Path]) -> None:
    body = chest().with_vessels().on_table()
    assert_right(write_scan(body, axial(evenly(44, 7.5), (256, 256), 1.6)), body)


def test_two_acquisitions_in_one_series(tmp_path: Path, small_grid: Grid) -> None:
    """Expiration and inspiration, half a step apart, must not be mixed; inspiration shows more lung."""
    out, breathed_in = plain_lungs(0.6, 0.7, 0.75), plain_lungs(0.8, 1.0, 0.75)
    between = replace(small_grid, slice_mm=tuple(mm + 3.0 for mm in small_grid.slice_mm))
    write_series(tmp_path, draw(out, small_grid, noise_sd=15), small_grid, Series(acquisition=1))
    second = Series(acquisition=2, first_instance=101)
    write_series(tmp_path, draw(breathed_in, between, noise_sd=15), between, second)
    found = assert_right(tmp_path, breathed_in)
    assert found["slices"] == 42
    assert found["repairs"] == (
        "42 slices left out: another phase (AcquisitionNumber 1); one of several phases: AcquisitionNumber 2"
    )


def test_one_slice_of_another_size(tmp_path: Path, small_body: Body, small_grid: Grid) -> None:
    hu = draw(small_body, small_grid, noise_sd=15)
    paths = write_series(tmp_path, hu, small_grid)
    write_slice(paths[20], hu[20, ::2, ::2], small_grid, 20)
    found = assert_right(tmp_path, small_body)
    assert found["slices"] == 41
    assert "1 slice left out: another size (80 × 80, not 160 × 160)" in str(found["repairs"])
    assert "1 gap of up to 12 mm" in str(found["repairs"])


def test_fibrosis_at_the_border_in_coarse_pixels(write_scan: Callable[..., Path]) -> None:
    # Blurred over 7 mm, a border at −400 HU would leave 4 % of such lungs outside.
    body = chest(1.87, 2.11).with_vessels(1).fibrotic(0.44)
    found = scan_statistics(write_scan(body, axial(evenly(20, 20.0), (64, 64), 7.0)))
    assert found["lung_litres"] == pytest.approx(3.98, rel=0.02)
