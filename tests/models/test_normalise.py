import keras
import numpy as np
import pytest

from pulmo.imaging.normalize import HIGHEST_HU, LOWEST_HU, MEAN, normalised, zero_centred
from pulmo.models.normalise import Normalise


def test_by_hand_and_as_the_imaging_does_it() -> None:
    hu = np.array([[-2048, -1000, -300, 400, 3071]], np.int16)
    out = keras.ops.convert_to_numpy(Normalise(LOWEST_HU, HIGHEST_HU, MEAN)(hu))
    assert out[0].tolist() == pytest.approx([-0.25, -0.25, 0.25, 0.75, 0.75])
    np.testing.assert_array_equal(out, zero_centred(normalised(hu)))


def test_grey_levels_too() -> None:
    grey = np.array([0, 51, 255], np.uint8)
    assert keras.ops.convert_to_numpy(Normalise(0, 255, 0.5)(grey)).tolist() == pytest.approx([-0.5, -0.3, 0.5])


def test_every_channel_by_its_own_bounds_also_from_a_file() -> None:
    layer = Normalise.from_config(Normalise((0.0, -400.0), (100.0, 400.0), (0.5, 0.0)).get_config())
    values = np.array([[25, 25], [200, -1024]], np.int16)
    assert keras.ops.convert_to_numpy(layer(values)).tolist() == pytest.approx(np.array([[-0.25, 0.53125], [0.5, 0]]))


def test_half_precision_comes_only_after_the_scaling() -> None:
    # 2049 is no number of half precision; 2048 and 2050 are.
    out = keras.ops.convert_to_numpy(Normalise(2048, 2050, 0, dtype="mixed_float16")(np.array([2049], np.int16)))
    assert (out.dtype, out.tolist()) == (np.float16, [0.5])
