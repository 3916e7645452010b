"""Training speed of the networks, and utilization of the device.

    .venv/bin/python benchmarks/training.py --network osic_cnn --size 128 --batch 32
    .venv/bin/python benchmarks/training.py --network unet --preset report --size 256 --batch 16 --steps 2
    .venv/bin/python benchmarks/training.py --network dsb_cnn --preset slides --size 50 --batch 16
    KERAS_BACKEND=jax python benchmarks/training.py --preset report --size 512 --batch 32 --steps 50 --device gpu

Images per second over whole training steps (augmentation, forward, backward, optimizer), with batches gathered from a
memory-mapped file (pipeline included) and with one repeated batch (excluded): if the former is much smaller, input is
the bottleneck. The fraction of peak compares the network's arithmetic (convolutions and dense layers; backward counted
as twice forward) with the fastest large matrix product measured in the same precision. For the networks of report 002
its own speed is given, on a hosted GPU, reading DICOM files.
"""

import argparse
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

# Before Keras is loaded; as `pulmo` sets them, see pipeline/tensorflow_options.py.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np

from pulmo.commands.console import show_table
from pulmo.competition import find_competition
from pulmo.training import loop
from pulmo.training.augment import Augment, Augmentation, Layout
from pulmo.training.cost import forward_work
from pulmo.training.data import Rows, TrainingBatches, gather
from pulmo.training.device import Device, computing_on
from pulmo.training.loop import Schedule, Trainer
from pulmo.training.tasks import Motion

IMAGES = 512
MATRIX = {"cpu": 1536, "gpu": 8192}
PRODUCTS = 20


class Task(NamedTuple):
    """A network with its loss, and the arrays that it learns from; `images` of the type `pixel` are left to be made on
    disk, and `kind` says how the target moves with them."""

    network: Any
    objective: Any
    inputs: dict[str, np.ndarray]
    target: np.ndarray
    pixel: Any = np.uint8
    kind: Motion = "mask"
    layout: Layout = "yx"


REPORTED = {("unet", 256): 7.7, ("unet", 320): 7.8, ("resnet_segmenter", 320): 10.3}
"""Images per second in the report's first epochs, batches of 16: 1,355 steps in 2,829 s and in 2,775 s, and 1,507 steps
in 2,348 s."""


def osic_cnn(size: int, preset: str) -> Task:
    """The network of the preset, on random images of any size."""
    from importlib import resources

    from pulmo.models.osic_cnn import OsicCnnParameters, Scale, osic_cnn
    from pulmo.models.quantile_lines import LinePinball
    from pulmo.pipeline.settings import load_settings

    config = (resources.files("pulmo.competitions.osic") / "config.toml").read_text()
    settings: Any = load_settings(find_competition("osic").settings, config, preset)
    s = settings.train_cnn
    network = osic_cnn(OsicCnnParameters(size, s.stem, s.filters, s.dense, s.dropout, -1.0), 6, Scale(-1000, 400, 0.25))
    rng = np.random.default_rng(0)
    target = np.stack([rng.random((IMAGES, 9)), rng.normal(size=(IMAGES, 9)), np.ones((IMAGES, 9))], -1)
    numbers = rng.normal(size=(IMAGES, 6)).astype(np.float32)
    return Task(network, LinePinball(), {"numbers": numbers}, target.astype(np.float32), np.int16, "same")


def dsb_cnn(size: int, preset: str) -> Task:
    """The three-dimensional network of the preset, for volumes of that many rows and columns, and slices to match."""
    from importlib import resources

    from pulmo.competitions.dsb.cnn import network_of
    from pulmo.competitions.dsb.volumes import VolumeFormat
    from pulmo.pipeline.settings import load_settings

    config = (resources.files("pulmo.competitions.dsb") / "config.toml").read_text()
    shape = f"features.size=[{round(0.4 * size)},{size},{size}]"
    s: Any = load_settings(find_competition("dsb").settings, config, preset, [shape])
    network = network_of(s.train_cnn, VolumeFormat("CT", s.features.lung_format()))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Task(network, loss, {}, (np.arange(IMAGES)[:, None] % 2).astype(np.float32), np.int16, "same", "zyxc")


def unet(size: int, preset: str) -> Task:
    """The report's U-Net, or a small one."""
    from pulmo.models.unet import REPORT, UnetParameters, unet

    small = UnetParameters(
        base_filters=16,
        depth=4,
        filter_growth=1.5,
        dropout=0.1,
        momentum=0.9,
        output_stride=2,
        presence_head=False,
    )
    return _segmentation(unet(REPORT if preset == "report" else small, size), size)


def resnet_segmenter(size: int, preset: str) -> Task:
    """The report's residual network, or one of an eighth of its filters."""
    from pulmo.models.resnet_segmenter import REPORT, resnet_segmenter

    return _segmentation(
        resnet_segmenter(REPORT if preset == "report" else REPORT._replace(base_filters=4), size), size
    )


def encoder_unet(size: int, preset: str) -> Task:
    """A U-Net on ResNet-50, or on MobileNetV2."""
    from pulmo.models.encoder_unet import EncoderUnetParameters, encoder_unet

    encoder, filters = ("resnet50", 256) if preset == "full" else ("mobilenet_v2", 64)
    up = tuple(filters // 2**level for level in range(5))
    return _segmentation(encoder_unet(EncoderUnetParameters(encoder, up, 0.99, presence_head=False), size), size)


def detector(size: int, preset: str) -> Task:
    """A detector of a level for each of four halvings."""
    from pulmo.models.detection_loss import DetectionLoss
    from pulmo.models.detector import DetectorParameters, detector

    parameters = DetectorParameters(base_filters=32 if preset == "full" else 8, depth=4, momentum=0.9)
    return Task(detector(parameters, size), DetectionLoss(parameters.stride), {}, boxes(size), kind="boxes")


def _segmentation(network: Any, size: int) -> Task:
    from pulmo.models.segmentation_losses import SegmentationLoss, Terms

    return Task(network, SegmentationLoss(Terms(cross_entropy=0.5, iou=0.5)), {}, masks(size))


def masks(size: int) -> np.ndarray:
    """One mask per image."""
    painted = np.zeros((IMAGES, size, size), np.uint8)
    painted[:, size // 4 : size // 2, size // 4 :] = 255
    return painted


def boxes(size: int) -> np.ndarray:
    """Four boxes per image."""
    corner, side = (np.random.default_rng(seed).uniform(0, size / 2, (IMAGES, 4, 2)) for seed in (0, 1))
    return np.asarray(np.concatenate([corner, corner + side], axis=-1), np.float32)


NETWORKS: dict[str, Callable[[int, str], Task]] = {
    network.__name__: network for network in (osic_cnn, dsb_cnn, unet, resnet_segmenter, encoder_unet, detector)
}


class SameBatch(TrainingBatches):
    """The first batch repeated: training without the input pipeline."""

    def __init__(self, rows: Rows, batch: int, steps: int) -> None:
        super().__init__(rows, batch, seed=0, steps=steps)
        self._first = gather(rows, np.arange(batch) % rows.length)

    def __getitem__(self, number: int) -> tuple[dict[str, Any]]:
        return (self._first,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="osic_cnn")
    parser.add_argument("--preset", default="full")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument(
        "--mixed-on-cpu", action="store_true", help="Measure mixed precision on a CPU, too, where it is slow."
    )
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for mixed in (False, True):
            with computing_on(arguments.device, mixed) as device:
                if mixed and device.kind == "cpu" and not arguments.mixed_on_cpu:
                    continue
                print(f"{name_of(device.kind)}, {device.backend}, {'mixed' if mixed else 'float32'} …", flush=True)
                rows += _measure(arguments, Path(folder), device, mixed)
    show_table(rows)


def _measure(arguments: argparse.Namespace, folder: Path, device: Device, mixed: bool) -> list[dict[str, str]]:
    peak = matrix_peak(device.kind, "float16" if mixed else "float32") * device.number
    keras.utils.set_random_seed(0)
    task = NETWORKS[arguments.network](arguments.size, arguments.preset)
    rows, learner = on_disk(task, folder), trainer_of(task).learner
    flops = 3 * forward_work(task.network).flop
    reported = REPORTED.get((arguments.network, arguments.size)) if arguments.preset == "report" else None
    found = []
    for pipeline, batches in (
        ("included", TrainingBatches(rows, arguments.batch, 0, arguments.steps)),
        ("excluded", SameBatch(rows, arguments.batch, arguments.steps)),
    ):
        speed = images_a_second(learner, batches, arguments.batch * arguments.steps)
        found.append(
            {
                "network": f"{arguments.network} {arguments.preset} {arguments.size}² × {arguments.batch}",
                "device": f"{name_of(device.kind)} × {device.number}, {device.backend}",
                "precision": "mixed" if mixed else "float32",
                "input pipeline": pipeline,
                "images per second": f"{speed:.1f}",
                "speed-up over the report": f"{speed / reported:.1f} ×" if reported else "",
                "GFLOP per image": f"{flops / 1e9:.3f}",
                "fraction of peak": f"{speed * flops / peak:.1%} of {peak / 1e12:.2f} TFLOP/s",
            }
        )
    return found


def images_a_second(learner: Any, batches: TrainingBatches, images: int) -> float:
    """Images per second of one epoch, after a first one that compiles; checkpoints between epochs are excluded."""
    loop.train_epoch(learner, batches)
    started = time.perf_counter()
    loop.train_epoch(learner, batches)
    return images / (time.perf_counter() - started)


def matrix_peak(kind: str, dtype: str) -> float:
    """Floating-point operations per second of large matrix products on one device, the best of three repeats."""
    side = MATRIX[kind]
    # Random values, as zeros are multiplied faster; scaled so that products keep their magnitude.
    matrix = keras.ops.cast(np.random.default_rng(0).normal(0, side**-0.5, (side, side)).astype(np.float32), dtype)
    best = 0.0
    for _ in range(4):  # the first repeat warms up the device
        started, product = time.perf_counter(), matrix
        for _ in range(PRODUCTS):
            product = keras.ops.matmul(product, matrix)
        keras.ops.convert_to_numpy(product[0, 0])
        best = max(best, PRODUCTS * 2 * side**3 / (time.perf_counter() - started))
    return best


def trainer_of(task: Task) -> Trainer:
    """A trainer as in the stages; images are flipped, rotated, zoomed and shifted."""
    augmentation = Augmentation(flip_left_right=True, rotation=10, zoom=0.1, shift=0.05)
    augment = Augment(augmentation, task.layout, 0, target=task.kind)
    return Trainer(task.network, task.objective, Schedule(1, 1000, 1e-3, 0, 0.0, 0.0, 9), augment)


def on_disk(task: Task, folder: Path) -> Rows:
    """What it learns from, images and masks memory-mapped: random HU, or grey levels."""
    low, high = (-1000, 400) if task.pixel == np.int16 else (0, 256)
    shape = (IMAGES, *task.network.input["image"].shape[1:])
    images = _mapped(folder / "images.npy", np.random.default_rng(0).integers(low, high, shape, task.pixel))
    target = _mapped(folder / "masks.npy", task.target) if task.kind == "mask" else task.target
    return Rows({"image": images, **task.inputs}, target)


def _mapped(path: Path, array: np.ndarray) -> np.ndarray:
    np.save(path, array)
    mapped: np.ndarray = np.load(path, mmap_mode="r")
    return mapped


def name_of(kind: str) -> str:
    """The name of the device."""
    if kind == "gpu":
        words = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
