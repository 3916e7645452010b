"""Do networks mean the same under TensorFlow, JAX and torch? `make test-backends`, in an environment of its own.

Every network is given the same weights and the same batch under each backend. The forward pass must agree to 1e-4, a
warp to 1e-4, and one step of training must lower nothing but the same loss: to 1e-4 before the step, and near it after.
EfficientNet-Lite with its ImageNet weights must give what the published PyTorch network gives. Under JAX, 20 steps on
two devices must give the losses of one.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

BACKENDS = ("tensorflow", "jax", "torch")
TOLERANCE = 1e-4
SEVERAL_TOLERANCE = 1e-4
"""Relative, of losses over 20 steps, in which roundings grow."""
ROOT = Path(__file__).parents[1]
PUBLISHED = "the published network"
LITE_PIXELS = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
"""The size of the images that each variant was trained on."""


def main() -> None:
    if len(sys.argv) == 2:
        np.savez(sys.argv[1], **under_this_backend())
        return
    with tempfile.TemporaryDirectory() as folder:
        found = {backend: in_a_process_of_its_own(backend, Path(folder) / f"{backend}.npz") for backend in BACKENDS}
    pairs = [(name, backend, BACKENDS[0]) for name in found[BACKENDS[0]] for backend in BACKENDS[1:]]
    failed = several_devices_under_jax()
    found[PUBLISHED] = published_features()
    pairs += [(name, backend, PUBLISHED) for name in found[PUBLISHED] for backend in BACKENDS]
    for name, backend, other in pairs:
        gap = float(np.abs(found[backend][name] - found[other][name]).max())
        failed |= not gap <= TOLERANCE
        print(f"{name:32}  {backend:10} against {other}: {gap:.1e}")
    sys.exit(failed)


def several_devices_under_jax() -> bool:
    """Whether losses on two devices differ from those on one; TensorFlow's are tested in tests/training."""
    command = [sys.executable, "-m", "tests.training.several_devices"]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    failed = False
    for trained, pairs in json.loads(done.stdout.splitlines()[-1]).items():
        gap = max(abs(two / one - 1) for one, two in pairs)
        failed |= not gap <= SEVERAL_TOLERANCE
        print(f"{trained:32}  jax        two devices against one: {gap:.1e}")
    return failed


def in_a_process_of_its_own(backend: str, path: Path) -> dict[str, np.ndarray]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, __file__, str(path)], env=environment, check=True)
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def under_this_backend() -> dict[str, Any]:
    from pulmo.training.device import computing_on

    with computing_on("cpu"):
        return {**_osic_cnn(), **_networks_on_pictures(), **_networks3d(), **_warp(), **_efficientnet_lite()}


def published_features() -> dict[str, np.ndarray]:
    """Those of PyTorch's networks of the package `efficientnet-lite-pytorch`, channels last."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    from pulmo.training.pretrained import package_file

    found = {}
    for name, pixels in LITE_PIXELS.items():
        network = EfficientNet.from_name(name.replace("_", "-")).eval()
        network.load_state_dict(torch.load(package_file(name), weights_only=True))
        image = torch.tensor(_noise(pixels).transpose(0, 3, 1, 2).copy())
        with torch.no_grad():
            found[f"{name} features"] = network.extract_features(image).numpy().transpose(0, 2, 3, 1)
    return found


def _efficientnet_lite() -> dict[str, np.ndarray]:
    import keras

    from pulmo.models.encoders import backbone
    from pulmo.training.pretrained import encoder_weights

    found = {}
    for name, pixels in LITE_PIXELS.items():
        network = backbone(name, pixels)
        network.set_weights(encoder_weights(name, "imagenet")[0])
        said = network(_noise(pixels), training=False)
        found[f"{name} features"] = keras.ops.convert_to_numpy(said)
    return found


def _noise(pixels: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (2, pixels, pixels, 3)).astype(np.float32)


def _osic_cnn() -> dict[str, np.ndarray]:
    import keras

    from pulmo.models.osic_cnn import OsicCnnParameters, Scale, osic_cnn
    from pulmo.models.quantile_lines import LinePinball
    from pulmo.training.data import Rows

    parameters = OsicCnnParameters(pixels=48, stem=8, filters=(8, 16, 24), dense=16, dropout=0.0, start=-1.0)
    network = osic_cnn(parameters, 6, Scale(-1000.0, 400.0, 0.25))
    rng = np.random.default_rng(0)
    inputs: dict[str, np.ndarray] = {
        "image": rng.integers(-1024, 400, (16, 48, 48)).astype(np.int16),
        "numbers": rng.normal(size=(16, 6)).astype(np.float32),
    }
    truth = np.stack([rng.random((16, 5)), rng.normal(size=(16, 5)), np.ones((16, 5))], -1).astype(np.float32)
    network.set_weights([rng.normal(0, 0.1, value.shape) for value in network.get_weights()])
    said = keras.ops.convert_to_numpy(network(inputs, training=False))
    return {"osic_cnn forward": said, **_one_step("osic_cnn", network, LinePinball(), Rows(inputs, truth))}


def _networks3d() -> dict[str, np.ndarray]:
    import keras

    from pulmo.models.grad_cam import cut
    from pulmo.models.intensity_scale import IntensityScale
    from pulmo.models.resnet3d import LOCALISED, ResNet3dParameters, resnet3d
    from pulmo.models.slides_cnn3d import SlidesCnn3dParameters, slides_cnn3d
    from pulmo.training.data import Rows
    from pulmo.training.device import gradient

    rng, scale = np.random.default_rng(0), IntensityScale((-1000.0,), (400.0,), (0.25,))
    shape, found = (6, 16, 16, 2), {}
    volumes, label = rng.integers(-1024, 400, (8, *shape)).astype(np.int16), rng.integers(0, 2, (8, 1))
    for name, network in (
        ("resnet3d", resnet3d(ResNet3dParameters(shape, 4, (8, 8), 0.0), scale)),
        ("slides_cnn3d", slides_cnn3d(SlidesCnn3dParameters(shape, (4, 6), 16, 0.0), scale)),
    ):
        network.set_weights([rng.normal(0, 0.1, value.shape) for value in network.get_weights()])
        found[f"{name} forward"] = keras.ops.convert_to_numpy(network({"image": volumes}, training=False))
        halves = cut(network, LOCALISED)
        # No two alike: of equal values in a pool, each backend chooses another.
        maps = rng.permutation(8 * int(np.prod(halves.maps.output_shape[1:]))) / 1000
        maps = maps.reshape(8, *halves.maps.output_shape[1:]).astype(np.float32)
        found[f"{name} gradient"] = gradient(halves.head, maps)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        found |= _one_step(name, network, loss, Rows({"image": volumes}, label))
    return found


def _networks_on_pictures() -> dict[str, np.ndarray]:
    import keras

    from pulmo.models.detection_loss import DetectionLoss
    from pulmo.models.detector import DetectorParameters, detector
    from pulmo.models.encoder_unet import EncoderUnetParameters, encoder_unet
    from pulmo.models.resnet_segmenter import ResnetSegmenterParameters, resnet_segmenter
    from pulmo.models.segmentation_losses import SegmentationLoss, Terms
    from pulmo.models.unet import UnetParameters, unet
    from pulmo.training.data import Rows

    rng = np.random.default_rng(0)
    inputs = {"image": rng.integers(0, 256, (8, 32, 32)).astype(np.uint8)}
    masks = Rows(inputs, (255 * (rng.random((8, 32, 32)) < 0.2)).astype(np.uint8))
    corner, size = rng.uniform(0, 16, (8, 3, 2)), rng.uniform(0, 16, (8, 3, 2))
    boxes = Rows(inputs, np.concatenate([corner, corner + size], axis=-1).astype(np.float32))
    overlap = SegmentationLoss(Terms(cross_entropy=1, focal=1, dice=1, iou=1))
    with_head = SegmentationLoss(Terms(cross_entropy=1, dice=1, presence=1))
    residual = ResnetSegmenterParameters(4, 3, 1, 0.9, 0.0, upsampling_head=True)
    mobile = EncoderUnetParameters("mobilenet_v2", (8, 8, 8, 4, 4), 0.9, presence_head=True)
    pyramid = DetectorParameters(4, 3, 0.9, stride=8, encoder="mobilenet_v2")
    tasks = {
        "unet": (unet(UnetParameters(4, 2, 2.0, 0.0, 0.9, output_stride=2, presence_head=True), 32), with_head, masks),
        "resnet_segmenter": (resnet_segmenter(residual, 32), overlap, masks),
        "resnet, short head": (resnet_segmenter(residual._replace(upsampling_head=False), 32), overlap, masks),
        "encoder_unet": (encoder_unet(mobile, 32), with_head, masks),
        "detector": (detector(DetectorParameters(4, 3, 0.9, stride=4), 32), DetectionLoss(4), boxes),
        "detector on an encoder": (detector(pyramid, 32), DetectionLoss(8), boxes),
    }
    found = {}
    for name, (network, objective, rows) in tasks.items():
        _give_weights(network, rng)
        said = network(inputs, training=False)
        for part, value in said.items():
            found[f"{name} {part} forward"] = keras.ops.convert_to_numpy(value)
        found |= _one_step(name, network, objective, rows)
    return found


def _give_weights(network: Any, rng: np.random.Generator) -> None:
    """The same under every backend, and none so large that probabilities are certain: variances stay near 1."""
    for weight in network.weights:
        if weight.name in {"gamma", "moving_variance"}:
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
        else:
            weight.assign(rng.normal(0, 1 / np.sqrt(max(1, np.prod(weight.shape[:-1]))), weight.shape))


def _one_step(name: str, network: Any, objective: Any, rows: Any) -> dict[str, np.ndarray]:
    from pulmo.training.checkpoints import values_of
    from pulmo.training.data import TrainingBatches
    from pulmo.training.loop import Schedule, Trainer

    before = network.get_weights()
    trainer = Trainer(network, objective, Schedule(2, 1, 1e-3, 0, 0.0, 0.0, 9))
    with tempfile.TemporaryDirectory() as folder:
        batches = TrainingBatches(rows, rows.length, seed=0, steps=1)
        history = trainer.fit(values_of(network.variables), batches, Path(folder) / "checkpoint.npz")
    moved = [np.abs(new - old).max() for new, old in zip(network.get_weights(), before, strict=True)]
    if not max(moved) > 0:
        raise AssertionError(f"{name}: a step of training has changed nothing")
    losses = history["loss"].to_numpy()
    return {f"{name} loss, step 1": losses[:1], f"{name} loss, step 2": losses[1:]}


def _warp() -> dict[str, np.ndarray]:
    import keras

    from pulmo.training.augment import move_boxes, warp

    rng = np.random.default_rng(0)
    planes = rng.random((4, 20, 30, 2)).astype(np.float32)
    matrix = (np.eye(2) + rng.normal(0, 0.1, (4, 2, 2))).astype(np.float32)
    shift = rng.normal(0, 2, (4, 2)).astype(np.float32)
    boxes = np.sort(rng.uniform(0, 20, (4, 3, 4)), axis=-1).astype(np.float32)
    return {
        "warp": keras.ops.convert_to_numpy(warp(planes, matrix, shift, nearest=False, fill=0.0)),
        "boxes moved": keras.ops.convert_to_numpy(move_boxes(boxes, matrix, shift, (20, 30))),
    }


if __name__ == "__main__":
    main()
