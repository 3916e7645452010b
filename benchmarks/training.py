"""How fast does a network train here, and how much of the device does it use?

    .venv/bin/python benchmarks/training.py --network osic_cnn --size 128 --batch 32
    .venv/bin/python benchmarks/training.py --network dsb_cnn --preset slides --size 50 --batch 16
    KERAS_BACKEND=jax python benchmarks/training.py --preset report --size 512 --batch 32 --steps 50 --device gpu

Images a second over whole training steps (augmentation, forward, backward, optimizer), with batches gathered from a
memory-mapped file (pipeline included) and with one batch given again and again (excluded): where the first is much the
smaller, the device starves. The share of peak sets the network's own arithmetic (its convolutions and dense layers;
backward counted as twice forward) against the fastest large matrix product measured here in the same precision.
"""

import argparse
import math
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before Keras is loaded

import keras
import numpy as np

from pulmo.commands.console import show_table
from pulmo.competition import find_competition
from pulmo.training.augment import Augment, Layout, Moves
from pulmo.training.checkpoint import values_of
from pulmo.training.device import Device, computing_on
from pulmo.training.fit import Plan, Trainer
from pulmo.training.sequences import Rows, TrainingBatches, gather

IMAGES = 512
MATRIX = {"cpu": 1536, "gpu": 8192}
PRODUCTS = 20


class Task(NamedTuple):
    """A network with its loss, and the arrays that it learns from; its images, of that layout, are left to be made on
    disk."""

    network: Any
    objective: Any
    inputs: dict[str, np.ndarray]
    target: np.ndarray
    layout: Layout = "yx"


def osic_cnn(size: int, preset: str) -> Task:
    """The network of the preset, for pictures of any size; random ones, for speed does not depend on what they show."""
    from importlib import resources

    from pulmo.models.osic_cnn import OsicCnnParameters, Scale, osic_cnn
    from pulmo.models.quantile_lines import LinePinball
    from pulmo.pipeline.settings import load_settings

    config = (resources.files("pulmo.competitions.osic") / "config.toml").read_text()
    s = load_settings(find_competition("osic").module("settings").Settings, config, preset).train_cnn
    network = osic_cnn(OsicCnnParameters(size, s.stem, s.filters, s.dense, s.dropout, -1.0), 6, Scale(-1000, 400, 0.25))
    rng = np.random.default_rng(0)
    target = np.stack([rng.random((IMAGES, 9)), rng.normal(size=(IMAGES, 9)), np.ones((IMAGES, 9))], -1)
    return Task(network, LinePinball(), {"numbers": rng.normal(size=(IMAGES, 6)).astype(np.float32)}, target)


def dsb_cnn(size: int, preset: str) -> Task:
    """The three-dimensional network of the preset, for volumes of that many rows and columns, and slices to match."""
    from importlib import resources

    from pulmo.competitions.dsb.cnn import network_of
    from pulmo.competitions.dsb.volumes import VolumeFormat
    from pulmo.pipeline.settings import load_settings

    config = (resources.files("pulmo.competitions.dsb") / "config.toml").read_text()
    shape = f"features.size=[{round(0.4 * size)},{size},{size}]"
    s = load_settings(find_competition("dsb").module("settings").Settings, config, preset, [shape])
    network = network_of(s.train_cnn, VolumeFormat("CT", s.features.lung_format()))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Task(network, loss, {}, np.arange(IMAGES)[:, None] % 2, "zyxc")


NETWORKS: dict[str, Callable[[int, str], Task]] = {"osic_cnn": osic_cnn, "dsb_cnn": dsb_cnn}


class SameBatch(TrainingBatches):
    """The first batch again and again: what training costs without gathering."""

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
    parser.add_argument("--mixed-on-cpu", action="store_true", help="Half precision too; without a GPU it is slow.")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for mixed in (False, True):
            with computing_on(arguments.device, mixed) as device:
                if mixed and device.kind == "cpu" and not arguments.mixed_on_cpu:
                    continue
                print(f"{_name(device)}, {device.backend}, {'mixed' if mixed else 'float32'} …", flush=True)
                rows += _measure(arguments, Path(folder), device, mixed)
    show_table(rows)


def _measure(arguments: argparse.Namespace, folder: Path, device: Device, mixed: bool) -> list[dict[str, str]]:
    peak = matrix_peak(device, "float16" if mixed else "float32")
    keras.utils.set_random_seed(0)
    task = NETWORKS[arguments.network](arguments.size, arguments.preset)
    images = _images(folder / "images.npy", task.network.input["image"].shape[1:])
    rows = Rows({"image": images, **task.inputs}, task.target.astype(np.float32))
    plan = Plan(2, arguments.steps, 1e-3, 0, 0.0, 0.0, 9)
    moves = Moves(flip_left_right=True, rotation=10, zoom=0.1, shift=0.05)
    trainer = Trainer(task.network, task.objective, plan, Augment(moves, task.layout, 0))
    flops = 3 * forward_flops(task.network)
    found = []
    for pipeline, batches in (
        ("included", TrainingBatches(rows, arguments.batch, 0, arguments.steps)),
        ("excluded", SameBatch(rows, arguments.batch, arguments.steps)),
    ):
        speed = images_a_second(trainer, batches, arguments.batch * arguments.steps)
        found.append(
            {
                "network": f"{arguments.network} {arguments.preset} {arguments.size}² × {arguments.batch}",
                "device": f"{_name(device)} × {device.number}, {device.backend}",
                "precision": "mixed" if mixed else "float32",
                "input pipeline": pipeline,
                "images a second": f"{speed:.1f}",
                "GFLOP an image": f"{flops / 1e9:.3f}",
                "share of peak": f"{speed * flops / peak:.1%} of {peak / 1e12:.2f} TFLOP/s",
            }
        )
    return found


def images_a_second(trainer: Trainer, batches: TrainingBatches, images: int) -> float:
    """The second of two epochs: the first compiles."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint.npz"
        trainer.plan = trainer.plan._replace(epochs=1)
        trainer.fit(values_of(trainer.network.variables), batches, checkpoint)
        trainer.plan = trainer.plan._replace(epochs=2)
        started = time.perf_counter()
        trainer.fit(values_of(trainer.network.variables), batches, checkpoint)  # goes on with the second
        return images / (time.perf_counter() - started)


def matrix_peak(device: Device, dtype: str) -> float:
    """Floating-point operations a second of large matrix products, the best of three tries."""
    side = MATRIX[device.kind]
    matrix = keras.ops.cast(np.eye(side, dtype=np.float32), dtype)
    best = 0.0
    for _ in range(4):  # the first one only wakes the device
        started, product = time.perf_counter(), matrix
        for _ in range(PRODUCTS):
            product = keras.ops.matmul(product, matrix)
        keras.ops.convert_to_numpy(product[0, 0])
        best = max(best, PRODUCTS * 2 * side**3 / (time.perf_counter() - started))
    return best * device.number


def forward_flops(network: Any) -> float:
    """Multiplications and additions of an image's way through convolutions and dense layers."""
    total = 0.0
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv1D | keras.layers.Conv2D | keras.layers.Conv3D):
            total += 2 * math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
        elif isinstance(layer, keras.layers.Conv2DTranspose | keras.layers.Conv3DTranspose):
            total += 2 * math.prod(layer.kernel.shape) * math.prod(layer.input.shape[1:-1])
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * math.prod(layer.kernel.shape)
    return total


def _images(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Random HU on disk, memory-mapped."""
    np.save(path, np.random.default_rng(0).integers(-1000, 400, (IMAGES, *shape), np.int16))
    images: np.ndarray = np.load(path, mmap_mode="r")
    return images


def _name(device: Device) -> str:
    if device.kind == "gpu":
        words = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
