"""Masks, boxes and labels of untrained networks: flips, folds, limits, sizes."""

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pulmo.errors import UserError
from pulmo.models.detector import DetectorParameters, detector
from pulmo.models.unet import UnetParameters, unet
from pulmo.training import parts
from pulmo.training.device import computing_on
from pulmo.training.inference import (
    BoxPredictor,
    FoldPredictor,
    Inputs,
    LabelPredictor,
    MaskPredictor,
    MeanPredictor,
    Predictions,
    decode_boxes,
    predict_in_parts,
    save_predictions,
    to_boxes,
    upsampled,
)
from pulmo.training.tasks import BoxLimits
from tests.models.support import random_images

PIXELS = 16
UNET = UnetParameters(
    base_filters=4, depth=1, filter_growth=2.0, dropout=0.0, momentum=0.8, output_stride=1, presence_head=True
)
IMAGES = random_images(12, PIXELS)


def network_of(seed: int, presence_head: bool = True) -> Any:
    keras.utils.set_random_seed(seed)
    return unet(UNET._replace(presence_head=presence_head), PIXELS)


def test_a_flipped_image_has_a_flipped_mask() -> None:
    with computing_on("cpu"):
        network = network_of(0, presence_head=False)
        flipping, plain = (MaskPredictor(network, flip) for flip in (True, False))
        both, mirrored = (flipping({"image": view}) for view in (IMAGES, IMAGES[:, :, ::-1]))
        one, other = plain({"image": IMAGES}), plain({"image": IMAGES[:, :, ::-1]}, np.array([7, 2]))
    assert np.isnan(both["presence"]).all()
    np.testing.assert_array_equal(both["mask"], mirrored["mask"][:, :, ::-1])
    by_hand = (one["mask"][[7, 2]].astype(float) + other["mask"][:, :, ::-1]) / 2
    assert np.abs(both["mask"][[7, 2]] - by_hand).max() <= 1


def test_folds_are_averaged(tmp_path: Path) -> None:
    files = [tmp_path / "0.keras", tmp_path / "1.keras"]
    with computing_on("cpu"):
        single = []
        for number, file in enumerate(files):
            network = network_of(number)
            network.save(file)
            single.append(MaskPredictor(network, tta_flip=True)({"image": IMAGES}))
        flipping = partial(MaskPredictor, tta_flip=True)
        mean = MeanPredictor(files, (PIXELS, PIXELS), flipping)({"image": IMAGES})
        each = FoldPredictor(files, (PIXELS, PIXELS), flipping)({"image": IMAGES}, np.array([7, 2]))
    one, other = single
    assert (one["mask"] != other["mask"]).any()
    by_hand = (one["mask"].astype(float) + other["mask"]) / 2
    assert mean["mask"].dtype == np.uint8
    assert np.abs(mean["mask"] - by_hand).max() <= 0.5
    np.testing.assert_allclose(mean["presence"], (one["presence"] + other["presence"]) / 2, rtol=1e-5)
    assert each["mask"].shape == (2, 2, PIXELS, PIXELS)
    for number, alone in enumerate((one, other)):
        np.testing.assert_allclose(each["presence"][:, number], alone["presence"][[7, 2]], rtol=1e-5)


class Levels:
    """Predicts bytes from nothing but a row's own: the first fold as they are, the second one less, and so on."""

    batch = 4

    def __init__(self, network: Any) -> None:
        self._variable = network.variables[0]

    def __call__(self, inputs: Inputs, rows: np.ndarray | None = None) -> Predictions:
        images = inputs["image"] if rows is None else inputs["image"][rows]
        return {"mask": (images - self._variable.numpy().item()).astype(np.uint8)}


@pytest.mark.parametrize(("offsets", "mean"), [((0, 1), 255), ((0, 1, 2), 254), ((0, 0, 1, 1, 1), 254)])
def test_the_mean_of_bytes_is_rounded_half_up_and_does_not_overflow(
    offsets: tuple[int, ...], mean: int, tmp_path: Path
) -> None:
    image = keras.Input((1, 1), dtype="uint8", name="image")
    dense = keras.layers.Dense(1, use_bias=False)
    network = keras.Model({"image": image}, dense(image))
    files = [tmp_path / f"{number}.keras" for number in range(len(offsets))]
    for file, offset in zip(files, offsets, strict=True):
        dense.set_weights([np.full((1, 1), offset, np.float32)])
        network.save(file)
    found = MeanPredictor(files, (1, 1), Levels)({"image": np.full((1, 1, 1), 255, np.uint8)})
    assert found["mask"].tolist() == [[[mean]]]


@pytest.mark.parametrize("count", [154, 128, 64, 63, 1])
def test_parts_predict_what_all_rows_at_once_do(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 1)  # of MULTIPLE rows then
    rows = np.random.default_rng(0).permutation(160)[:count]
    np.save(tmp_path / "images.npy", random_images(160, PIXELS))
    inputs = {"image": np.load(tmp_path / "images.npy", mmap_mode="r")}
    sizes = []
    with computing_on("cpu"):
        predictor = MaskPredictor(network_of(0), tta_flip=True)
        at_once = predictor(inputs, rows)
        found = list(predict_in_parts(predictor, inputs, rows))
        sizes = [len(part["mask"]) for part in found]
    assert sizes == [64] * (count // 64) + ([count % 64] if count % 64 else [])
    save_predictions(tmp_path, found, count)
    for name, expected in at_once.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), expected)


def test_parts_of_nothing_are_empty_predictions(tmp_path: Path) -> None:
    with computing_on("cpu"):
        predictor = MaskPredictor(network_of(0), tta_flip=False)
        save_predictions(tmp_path, predict_in_parts(predictor, {"image": IMAGES}, np.arange(0)), 0)
    assert np.load(tmp_path / "mask.npy").shape == (0, PIXELS, PIXELS)
    assert np.load(tmp_path / "presence.npy", mmap_mode="r").shape == (0,)


def test_networks_for_images_of_another_size_are_refused(tmp_path: Path) -> None:
    with computing_on("cpu"):
        network_of(0).save(tmp_path / "0.keras")
        with pytest.raises(UserError, match=r"is a network for images of \(16, 16\), not of \(8, 8\)"):
            MeanPredictor([tmp_path / "0.keras"], (8, 8), partial(MaskPredictor, tta_flip=False))


def test_probabilities_of_labels_are_averaged_over_the_flip() -> None:
    keras.utils.set_random_seed(0)
    image = keras.Input((PIXELS, PIXELS), dtype="uint8", name="image")
    scaled = keras.layers.Rescaling(1 / 255)(keras.layers.Reshape((PIXELS**2,))(image))
    network = keras.Model({"image": image}, keras.layers.Dense(3)(scaled))
    with computing_on("cpu"):
        found = LabelPredictor(network, tta_flip=True)({"image": IMAGES})["probability"]
        views = [
            LabelPredictor(network, tta_flip=False)({"image": IMAGES[:, :, ::way]})["probability"] for way in (1, -1)
        ]
    np.testing.assert_allclose(found, np.mean(views, axis=0), rtol=1e-5)


def test_peaks_become_boxes_in_falling_confidence() -> None:
    heat, boxes = np.zeros((2, 4, 4), np.float32), np.zeros((2, 4, 4, 4), np.float32)
    heat[1, 0] = [0.4, 0.3, 0.0, 0.9]  # the second cell is no peak
    heat[1, 3, 1] = 0.6
    heat[0, 2, 2] = 0.05  # below the limit
    boxes[1, 0, 0], boxes[1, 0, 3], boxes[1, 3, 1] = [-4, 2, 8, 10], [20, 0, 40, 9], [4, 20, 12, 31]
    found = decode_boxes(heat, boxes, (32, 32), BoxLimits(most=9, min_confidence=0.1))
    assert found.image.tolist() == [1, 1, 1]
    assert found.confidence == pytest.approx([0.9, 0.6, 0.4])
    assert found.xywh.tolist() == [[20, 0, 12, 9], [4, 20, 8, 11], [0, 2, 8, 8]]
    two = decode_boxes(heat, boxes, (32, 32), BoxLimits(most=2, min_confidence=0.1))
    assert two.xywh.tolist() == found.xywh[:2].tolist()
    assert not len(decode_boxes(heat, boxes, (32, 32), BoxLimits(most=2, min_confidence=0.95)).image)


def test_padded_boxes_lose_their_padding_alone() -> None:
    keras.utils.set_random_seed(0)
    limits = BoxLimits(most=5, min_confidence=1e-6)
    with computing_on("cpu"):
        network = detector(DetectorParameters(base_filters=4, depth=2, momentum=0.8, stride=2), PIXELS)
        padded = BoxPredictor(network, False, limits)({"image": IMAGES})["boxes"]
        outputs = network.predict({"image": IMAGES}, verbose=0)
    expected = decode_boxes(outputs["heat"], outputs["boxes"], (PIXELS, PIXELS), limits)
    assert padded.shape == (12, 5, 5)
    found = to_boxes(padded)
    assert len(found.image) > 12
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(8, 8), (16, 24)])
def test_probabilities_keep_their_place_at_full_size(shape: tuple[int, int]) -> None:
    small = np.zeros((4, 4), np.uint8)
    small[:, 2:] = 200
    large = upsampled(small, shape)
    assert large.shape == shape
    middle = shape[1] // 2
    assert (large[:, :middle] <= 100).all()
    assert (large[:, middle:] >= 100).all()
    assert (large[:, [0, -1]] == [0, 200]).all()
