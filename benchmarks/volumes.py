"""Resampling a chest CT of 250 slices to 50 × 50 × 20: pulmo against the slides' method, in one run.

    .venv/bin/python benchmarks/volumes.py [--slices 250] [--repeats 5]

The slides resize every slice by OpenCV (bilinear, the default) and average chunks of equal numbers of slices, the last
one possibly smaller. Reading time, which is the same for both, is excluded. The error is the root mean square against
exact area means in double precision, in HU.
"""

import argparse
import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from pulmo.commands.console import show_table
from pulmo.imaging.area_resample import Size, overlaps
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.network_volume import LungFormat, network_volume
from pulmo.imaging.volume import Volume
from pulmo.phantom.chest import chest
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import axial, evenly

Result = TypeVar("Result")
SIZES = (Size(20, 50, 50), Size(50, 100, 100))
UPRIGHT = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])


def slides_method(hu: np.ndarray, size: Size) -> np.ndarray:
    """Bilinear slices, then means of chunks, as in the slides."""
    small = [cv2.resize(plane.astype(np.float32), (size.columns, size.rows)) for plane in hu]
    length = math.ceil(len(small) / size.slices)
    return np.stack([np.mean(small[start : start + length], axis=0) for start in range(0, len(small), length)])


def exact(hu: np.ndarray, size: Size) -> np.ndarray:
    z, y, x = (overlaps(np.arange(n + 1.0), cells).astype(np.float64) for n, cells in zip(hu.shape, size, strict=True))
    planes = np.stack([y @ plane @ x.T for plane in hu.astype(np.float64)])
    return np.asarray(np.tensordot(z, planes, axes=1))


def timed(work: Callable[[], Result], repeats: int) -> tuple[tuple[float, float], Result]:
    """Median seconds, wall and CPU, after a warm-up run; and that run's result."""
    result = work()
    wall, cpu = [], []
    for _ in range(repeats):
        began, worked = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    return (statistics.median(wall), statistics.median(cpu)), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=250)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    grid = axial(evenly(arguments.slices, 312.5 / arguments.slices), (512, 512), 0.75)
    hu = draw(chest().with_vessels().on_table(), grid, noise_sd=20)
    volume = Volume(hu, np.array(grid.slice_mm), grid.pixel_mm, UPRIGHT, np.zeros((len(hu), 2)), (), "drawn")
    print(f"{arguments.slices} slices of 512 × 512; {machine()}")
    labels = segment_lungs(volume).labels
    rows = []
    for size in SIZES:
        whole = LungFormat(size, ("mean",), False, False, 0.0, 3.0, 1.0)
        lungs = LungFormat(size, ("mean", "nodule_enhanced"), True, True, 3.0, 3.0, 1.0)
        methods: dict[str, Callable[[], np.ndarray]] = {
            "slides: OpenCV per slice, means of chunks": partial(slides_method, hu, size),
            "pulmo, whole scan": partial(network_volume, volume, None, whole),
            "pulmo, lungs masked and cropped, two channels": partial(network_volume, volume, labels, lungs),
        }
        truth = exact(hu, size)
        for name, method in methods.items():
            seconds, result = timed(method, arguments.repeats)
            rows.append(_row(name, seconds, size, error_of(result, truth) if "lungs" not in name else "–"))
    seconds, _ = timed(partial(segment_lungs, volume), arguments.repeats)
    show_table([*rows, _row("pulmo, lung segmentation, once per scan", seconds, None, "–")])


def error_of(result: np.ndarray, truth: np.ndarray) -> str:
    """Root mean square error in HU; the number of slices if it differs."""
    result = result[..., 0] if result.ndim == truth.ndim + 1 else result
    return (
        f"{np.sqrt(np.mean((result - truth) ** 2)):.1f}"
        if result.shape == truth.shape
        else f"{len(result)} slices instead"
    )


def _row(name: str, seconds: tuple[float, float], size: Size | None, error: str) -> dict[str, str]:
    shape = f"{size.columns} × {size.rows} × {size.slices}" if size else "–"
    wall, cpu = seconds
    return {"volume": shape, "method": name, "wall s": f"{wall:.3f}", "CPU s": f"{cpu:.3f}", "error, HU": error}


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} cores, load {', '.join(f'{value:.1f}' for value in os.getloadavg())}"


if __name__ == "__main__":
    main()
