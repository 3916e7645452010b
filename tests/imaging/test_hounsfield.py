"""Stored values to Hounsfield units, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from pulmo.imaging.hounsfield import PADDING_HU, constant_frame, to_hounsfield
from pulmo.imaging.slices import SliceHeader


def converted(header: SliceHeader, values: list[int], dtype: str = "<i2") -> list[int]:
    hu = to_hounsfield(np.array([values], dtype), header)
    assert hu.dtype == np.int16
    return [int(value) for value in hu[0]]


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype", "stored", "expected"),
    [
        (1.0, -1024.0, "u2", [0, 24, 1024, 4095], [-1024, -1000, 0, 3071]),
        (1.0, -1024.0, "u2", [4096, 40000, 65535], [3071, 3071, 3071]),
        (1.0, 0.0, "i2", [-1024, -1100, 0, 32767], [-1024, -1024, 0, 3071]),
        (1.0, -1000.0, "i2", [0, 1000, 32767], [-1000, 0, 3071]),
        (0.5, -1024.0, "u2", [0, 2048, 2049, 2051], [-1024, 0, 0, 2]),
        (2.0, -1024.5, "u2", [100, 512], [-824, 0]),
        (1.0, -8192.0, "u2", [7192, 8192, 65535], [-1000, 0, 3071]),
        (1.0, 32768.0, "i2", [-32768, -32767, 0], [0, 1, 3071]),
        (1.0, -1024.0, "u1", [24, 255], [-1000, -769]),
    ],
)
def test_rescaling(
    header: SliceHeader, slope: float, intercept: float, dtype: str, stored: list[int], expected: list[int]
) -> None:
    # Half values round to even: 0.5 → 0 and 1.5 → 2; −824.5 → −824 and −0.5 → 0.
    assert converted(replace(header, slope=slope, intercept=intercept), stored, dtype) == expected


@pytest.mark.parametrize(
    ("padding", "intercept", "stored", "expected"),
    [
        ((-2000, -2000), 0.0, [-2000, -1000, 0], [PADDING_HU, -1000, 0]),
        ((-2000, -2000), 0.0, [-3024, -1000, 0], [PADDING_HU, -1000, 0]),
        ((-2000, -2000), -1024.0, [-2000, 24], [PADDING_HU, -1000]),
        ((-1500, -1500), 0.0, [-1500, -1024], [PADDING_HU, -1024]),
        ((-2048, -1500), 0.0, [-2048, -1700, -1500, -1000], [PADDING_HU, PADDING_HU, PADDING_HU, -1000]),
        ((0, 0), -1024.0, [0, 24], [PADDING_HU, -1000]),
        ((0, 0), 0.0, [0, -1000], [0, -1000]),  # 0 would be all water
        ((124, 124), -1024.0, [124, 123], [-900, -901]),  # lung
        ((123, 123), -1024.0, [124, 123], [-900, PADDING_HU]),
        ((-176, -176), -1024.0, [-176, 0], [PADDING_HU, -1024]),
        (None, -1024.0, [-2000, 24], [PADDING_HU, -1000]),
        (None, 0.0, [-1200, -1201], [-1024, PADDING_HU]),
    ],
)
def test_padding(
    header: SliceHeader, padding: tuple[int, int] | None, intercept: float, stored: list[int], expected: list[int]
) -> None:
    assert converted(replace(header, padding=padding, intercept=intercept), stored) == expected


@pytest.mark.parametrize(
    ("slope", "stored", "expected"),
    [
        (2.0, [-100, -101, 0], [-1024, PADDING_HU, -1000]),  # −1200, −1202 and −1000 HU
        (-2.0, [100, 101, 0], [-1024, PADDING_HU, -1000]),
    ],
)
def test_values_far_below_air_are_padding_at_any_slope(
    header: SliceHeader, slope: float, stored: list[int], expected: list[int]
) -> None:
    assert converted(replace(header, slope=slope, intercept=-1000.0), stored) == expected


def test_a_constant_frame_is_padding() -> None:
    hu = np.random.default_rng(0).integers(-1000, 100, (3, 6, 8)).astype(np.int16)
    hu[:, [0, -1]] = 0
    hu[:, :, [0, -1]] = 0
    expected = np.ones((6, 8), bool)
    expected[1:5, 1:7] = False
    np.testing.assert_array_equal(constant_frame(hu), expected)
    hu[1, 0, 0] = 1  # one noisy corner: measured after all
    assert not constant_frame(hu).any()


def test_a_constant_frame_is_connected_to_a_corner() -> None:
    hu = np.arange(2 * 25, dtype=np.int16).reshape(2, 5, 5)
    hu[:, [0, 0, -1, -1], [0, -1, 0, -1]] = -7
    hu[:, 2, 2] = -7
    assert constant_frame(hu).sum() == 4
