"""Chest CT preprocessing: pulmo against the tutorial's pipeline, SimpleITK and MONAI, in one run.

    python benchmarks/ct.py [--slices 250] [--repeats 5]

Every row is a separate process: seconds are the median of its repeats (slow methods run once), memory is its peak.
The tutorial is "Full Preprocessing Tutorial" of the Data Science Bowl 2017, reimplemented.
"""

import argparse
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SHARED_DATA = Path(__file__).parents[1] / "../shared/data"
REAL_SERIES = (
    *("ct/chest_philips_5mm", "ct/chest_siemens_8mm_30"),
    "osic-pulmonary-fibrosis-progression/train/ID00419637202311204720264",
)
OSIC_SLICES, CORES = 33_026, 2


# The tutorial ------------------------------------------------------------------------------------------------------


def tutorial_volume(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Slices sorted by z, values as int16, a cubic-spline zoom to 1 mm: (hu, spacing in mm)."""
    import pydicom
    from scipy import ndimage

    slices = sorted(
        (pydicom.dcmread(path) for path in folder.iterdir()), key=lambda s: float(s.ImagePositionPatient[2])
    )
    thickness = abs(slices[0].ImagePositionPatient[2] - slices[1].ImagePositionPatient[2])
    hu = np.stack([s.pixel_array for s in slices]).astype(np.int16)
    hu[hu == -2000] = 0
    for index, s in enumerate(slices):
        if s.RescaleSlope != 1:
            hu[index] = (s.RescaleSlope * hu[index].astype(np.float64)).astype(np.int16)
        hu[index] += np.int16(s.RescaleIntercept)
    spacing = np.array([thickness, *slices[0].PixelSpacing], dtype=np.float32)
    factor = np.round(hu.shape * spacing) / hu.shape
    return ndimage.zoom(hu, factor, mode="nearest"), spacing / factor


def tutorial_features(folder: Path) -> float:
    """The volume of the tutorial's lung mask with filled structures, litres."""
    hu, spacing = tutorial_volume(folder)
    return float(tutorial_mask(hu).sum() * np.prod(spacing) / 1e6)


def tutorial_mask(hu: np.ndarray) -> np.ndarray:
    """Threshold; the corner's component is air; the largest solid per slice is kept; the largest air part is lung."""
    from skimage import measure

    solid = np.array(hu > -320, dtype=np.int8) + 1
    labels = measure.label(solid)
    solid[labels == labels[0, 0, 0]] = 2
    for plane in solid:
        inner = measure.label(plane - 1)
        largest = _most_common(inner, 0)
        if largest is not None:
            plane[inner != largest] = 1
    air = measure.label(2 - solid)
    largest = _most_common(air, 0)
    return np.asarray(air == largest)


def _most_common(labels: np.ndarray, background: int) -> int | None:
    values, counts = np.unique(labels, return_counts=True)
    counts, values = counts[values != background], values[values != background]
    return int(values[counts.argmax()]) if len(counts) else None


# Its peers ---------------------------------------------------------------------------------------------------------


def simpleitk_read(folder: Path) -> Any:
    sitk = importlib.import_module("SimpleITK")  # optional: pip install simpleitk
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    return sitk.ReadImage(names, sitk.sitkInt16)


def simpleitk_volume(folder: Path) -> float:
    sitk = importlib.import_module("SimpleITK")
    image = simpleitk_read(folder)
    size = [round(n * mm) for n, mm in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    still = sitk.Transform()
    linear, origin, cubes = sitk.sitkLinear, image.GetOrigin(), (1.0, 1.0, 1.0)
    direction = image.GetDirection()
    resampled = sitk.Resample(image, size, still, linear, origin, cubes, direction, -1000.0)
    return float(sitk.GetArrayViewFromImage(resampled).shape[0])


def monai_volume(folder: Path) -> float:
    monai = importlib.import_module("monai.transforms")  # optional: pip install monai
    load, channel = monai.LoadImage(reader="PydicomReader"), monai.EnsureChannelFirst()
    pipeline = monai.Compose([load, channel, monai.Spacing(pixdim=(1.0, 1.0, 1.0))])
    return float(pipeline(str(folder)).shape[-1])


# pulmo -------------------------------------------------------------------------------------------------------------


def pulmo_read(folder: Path) -> object:
    from pulmo.imaging.reading import read_volume

    return read_volume(folder)


def pulmo_volume(folder: Path) -> object:
    from pulmo.imaging.reading import read_volume
    from pulmo.imaging.resample import resample

    return resample(read_volume(folder), 1.0)


def pulmo_features(folder: Path) -> float:
    from pulmo.imaging.statistics import scan_statistics

    return float(scan_statistics(folder)["lung_litres"])


METHODS: dict[str, Callable[[Path], object]] = {
    method.__name__: method
    for method in (
        *(tutorial_features, tutorial_volume, pulmo_features, pulmo_volume, pulmo_read),
        *(simpleitk_read, simpleitk_volume, monai_volume),
    )
}


def child(method: str, folder: Path, repeats: int) -> None:
    """Runs one method, and prints time and memory as JSON."""
    warnings.simplefilter("ignore")
    METHODS[method](small_series(folder))  # warm-up: imports and first calls are not measured
    seconds, cpu, result = [], [], None
    for _ in range(repeats):
        began, worked = time.perf_counter(), time.process_time()
        result = METHODS[method](folder)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    litres = result if isinstance(result, float) and method.endswith("features") else None
    print(json.dumps({"s": statistics.median(seconds), "cpu": statistics.median(cpu), "mb": peak, "litres": litres}))


def small_series(folder: Path) -> Path:
    """A small series of the same kind, for the warm-up."""
    return folder.parent / (folder.name + "-small")


# The series and the table ------------------------------------------------------------------------------------------


def draw_series(folder: Path, slices: int, syntax: str) -> None:
    """A chest of 512 × 512 pixels of 0.75 mm, 312 mm high, with noise, table and padding; 5 litres of lung.

    In a separate process, as a child inherits its parent's peak memory.
    """
    from pulmo.phantom.chest import chest
    from pulmo.phantom.dicom import Encoding, write_series
    from pulmo.phantom.draw import draw
    from pulmo.phantom.geometry import axial, evenly

    body = chest().with_vessels().on_table()
    encoding = Encoding(intercept=-1024, signed=True, padding=-2000, transfer_syntax=syntax)
    for name, count, shape, pixel in ((folder, slices, 512, 0.75), (small_series(folder), 16, 128, 3.0)):
        grid = axial(evenly(count, 312.5 / count), (shape, shape), pixel)
        write_series(name, draw(body, grid, noise_sd=20), grid, None, encoding)


def measured(method: str, folder: Path, repeats: int) -> dict[str, float] | None:
    command = [sys.executable, __file__, "--child", method, str(folder), str(repeats)]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **one_thread}, check=False)
    if done.returncode:
        print(f"  {method}: {done.stderr.strip().splitlines()[-1]}")
        return None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(title: str, folder: Path, repeats: int) -> None:
    print(f"\n{title}\n{'':22}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'litres':>9}   speed-up over the tutorial, CPU")
    reference: dict[str, float] = {}
    for method in METHODS:
        found = measured(method, folder, 1 if method.startswith(("tutorial", "monai")) else repeats)
        if found is None:
            continue
        kind = method.split("_")[1]
        if method.startswith("tutorial"):
            reference[kind] = found["cpu"]
        litres = f"{found['litres']:9.3f}" if found["litres"] else " " * 9
        ratio = f"{reference[kind] / found['cpu']:9.1f} ×" if kind in reference else ""
        print(f"{method:22}{found['s']:9.2f}{found['cpu']:9.2f}{found['mb']:9.0f}{litres}{ratio}", flush=True)


def real_scans(repeats: int) -> None:
    """Seconds per slice on the real series, extrapolated to all of OSIC."""
    folders = [SHARED_DATA / name for name in REAL_SERIES]
    if not all(folder.is_dir() for folder in folders):
        print(f"\nno real series: {SHARED_DATA} does not exist")
        return
    print(f"\nReal series, features\n{'':40}{'slices':>9}{'CPU s':>9}{'ms/slice':>10}{'litres':>9}")
    seconds, slices = 0.0, 0
    with tempfile.TemporaryDirectory() as temporary:
        for folder in folders:
            linked = Path(temporary, folder.name)
            linked.symlink_to(folder.resolve())
            Path(temporary, folder.name + "-small").symlink_to(folders[1].resolve())
            found = measured("pulmo_features", linked, repeats)
            assert found is not None
            count = len(list(folder.iterdir()))
            seconds, slices = seconds + found["cpu"], slices + count
            print(
                f"{folder.name:40}{count:9}{found['cpu']:9.2f}{1e3 * found['cpu'] / count:10.2f}{found['litres']:9.3f}"
            )
    whole = seconds / slices * OSIC_SLICES / CORES
    print(f"176 patients, {OSIC_SLICES:,} slices, on {CORES} cores: {whole:.0f} s")


def machine() -> str:
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{platform.platform()}, Python {platform.python_version()}, {len(names)} × {names[0]}, load {load}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=250)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--draw", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        method, folder, repeats = options.child
        child(method, Path(folder), int(repeats))
        return
    if options.draw:
        folder, slices, syntax = options.draw
        draw_series(Path(folder), int(slices), syntax)
        return
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        for name, syntax in (("uncompressed", "1.2.840.10008.1.2.1"), ("JPEG lossless", "1.2.840.10008.1.2.4.70")):
            folder = Path(temporary, name.replace(" ", "-"))
            subprocess.run([sys.executable, __file__, "--draw", str(folder), str(options.slices), syntax], check=True)
            title = f"{options.slices} slices of 512 × 512, {name}; true volume 5.000 litres"
            table(title, folder, options.repeats)
    real_scans(options.repeats)


if __name__ == "__main__":
    main()
