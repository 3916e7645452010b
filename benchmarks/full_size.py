"""Every stage at the competitions' true sizes: time, memory and disk, and how they grow with the number of images.

    .venv/bin/python benchmarks/full_size.py                        # hours, and 60 GB of disk
    .venv/bin/python benchmarks/full_size.py --only siim --size 1/16
    .venv/bin/python benchmarks/full_size.py --only rsna --parts 1

Some demo images (phantoms at their real size) are linked as often as it takes, under other names, and their rows in the
tables are repeated. Networks are small and trained for a few steps, unless --full-networks is given; all else is as the
preset `full` has it. Each stage is a process of its own, at a quarter, at half and at the whole of --size, or at other
--parts of it.

Columns: `s`, wall time; `images/s` (scans of CT); `CPU`, the share of all cores that the stage used, and of the machine
that was busy; `read`, from the disk (linked files are few, so they come from the cache); `peak`, the memory of the
stage's largest process with the pages of its memory-mapped files; `anonymous`, the memory of all its processes without
these; `disk`, what the stage leaves; `limit`: the decoder where reading the images takes most of the CPU time, else
cores, disk, or one thread.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.commands.console import show_table
from pulmo.competition import find_competition
from pulmo.pipeline.parallel import cores

SAMPLED_EVERY_S = 0.1
PARTS = (Fraction(1, 4), Fraction(1, 2), Fraction(1))
BUSY, MOST = 0.85, 0.5
DISK_MB_S = 100
_UNET = {"network": "unet", "base_filters": "4", "depth": "3", "output_stride": "4"}
_CNN_SHORT = {"epochs": "1", "steps": "4"}
_SHORT = {**_CNN_SHORT, "frozen_epochs": "0"}


class TrueSize(NamedTuple):
    """A competition's true size, and how it is run.

    Attributes:
        train, test: images, or scans.
        drawn: how many of both are drawn.
        ids: columns of ids in the tables; one that ends with Week has the week behind the id.
        labels, sample: the tables of training and test ids.
        short: settings by section, for few steps.
        small: the same, for small networks.
    """

    train: int
    test: int
    drawn: dict[str, int]
    ids: tuple[str, ...]
    labels: str
    sample: str
    short: Mapping[str, Mapping[str, str]]
    small: Mapping[str, Mapping[str, str]]


SIZES = {
    "siim": TrueSize(
        12_047,
        3_205,
        {"train_images": 48, "test_images": 16},
        ("ImageId",),
        "stage_2_train.csv",
        "stage_2_sample_submission.csv",
        {"features": {"folds": "2"}, "train_segmenter": {"folds": "2", **_SHORT}},
        {"train_segmenter": {**_UNET, "tta_flip": "false"}},
    ),
    "rsna": TrueSize(
        26_684,
        3_000,
        {"train_images": 48, "test_images": 16},
        ("patientId",),
        "stage_2_train_labels.csv",
        "stage_2_sample_submission.csv",
        {
            "features": {"folds": "2"},
            **{f"train_{family}": {"folds": "2", **_SHORT} for family in ("classifier", "segmenter", "detector")},
        },
        {
            "train_classifier": {**_UNET, "tta_flip": "false"},
            "train_segmenter": {**_UNET, "tta_flip": "false", "presence_head": "true", "presence_loss": "1.0"},
            "train_detector": {"network": "plain", "base_filters": "4", "depth": "5", "tta_flip": "false"},
        },
    ),
    "osic": TrueSize(
        176,
        176,
        {"train_patients": 16, "test_patients": 4},
        ("Patient", "Patient_Week"),
        "train.csv",
        "test.csv",
        {"features": {"folds": "2", "minimum_scans": "2"}, "train_cnn": {"minimum_scans": "10", **_CNN_SHORT}},
        {},
    ),
    "dsb": TrueSize(
        1_397,
        198,
        {"train_scans": 16, "test_scans": 4, "matrix": 512},
        ("id",),
        "stage1_labels.csv",
        "stage2_sample_submission.csv",
        {"features": {"folds": "2"}, "train_cnn": {"validation_share": "0", **_CNN_SHORT}},
        {},
    ),
}


class Measured(NamedTuple):
    """What a stage took: seconds, bytes, and shares of all cores."""

    stage: str
    images: int
    seconds: float
    cpu_seconds: float
    busy: float
    read: float
    peak: float
    anonymous: float
    disk: float

    @property
    def cpu(self) -> float:
        """The share of the cores that it used."""
        return self.cpu_seconds / self.seconds / cores()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SIZES, action="append")
    parser.add_argument("--size", type=Fraction, default=Fraction(1), help="of the true size, such as 1/16")
    parser.add_argument("--parts", type=Fraction, nargs="+", default=PARTS, help="of --size, rising")
    parser.add_argument("--predict-only", action="store_true", help="train on the drawn images alone")
    parser.add_argument("--full-networks", action="store_true")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--folder", type=Path, default=Path("work/benchmarks/full_size"), help="emptied at the end")
    arguments = parser.parse_args()
    print(f"{cores()} cores, load average {os.getloadavg()[0]:.1f} before")
    for name in arguments.only or SIZES:
        folder = arguments.folder.resolve() / name
        shutil.rmtree(folder, ignore_errors=True)
        try:
            settings = settings_of(SIZES[name], arguments.full_networks, arguments.overrides)
            parts = [part * arguments.size for part in arguments.parts]
            measure(name, folder, parts, settings, arguments.predict_only)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def settings_of(size: TrueSize, full_networks: bool, overrides: list[str]) -> list[str]:
    """For the command line."""
    sections = [size.short] if full_networks else [size.short, size.small]
    settings = [
        f"{section}.{key}={value}"
        for part in sections
        for section, values in part.items()
        for key, value in values.items()
    ]
    return [word for setting in (*settings, *overrides) for word in ("--set", setting)]


def measure(name: str, folder: Path, parts: list[Fraction], settings: list[str], predict_only: bool) -> None:
    """Run a competition at parts of its true size, and print what each stage took and how it grows."""
    size, drawn = SIZES[name], folder / "drawn"
    phantom = find_competition(name).phantom
    if phantom is None:
        raise SystemExit(f"{name} has no phantom")
    phantom.write_phantom(drawn, folder / "solution.csv", replace(phantom.PhantomSettings(), **size.drawn))
    (drawn / "lung_rle.csv").unlink(missing_ok=True)  # Kaggle has none
    decoding_s = seconds_to_decode(drawn, name)
    growth: dict[str, list[Measured]] = {}
    for part in parts:
        train = next(iter(size.drawn.values())) if predict_only else max(1, round(part * size.train))
        counts = (train, max(1, round(part * size.test)))
        data, work = folder / "data", folder / "work"
        link(drawn, data, size, counts)
        files = sum(path.suffix == ".dcm" for path in data.rglob("*"))
        print(f"\n{name} at {part} of its true size: {counts[0]} to train on, {counts[1]} to predict, {files} files")
        rows = []
        for stage in find_competition(name).stages:
            images = counts[stage.name == "predict"]
            command = [sys.executable, "-m", "pulmo", name, stage.name, "--data", str(data), "--work", str(work)]
            command += ["--out", str(folder / "out"), "--device", "cpu", *settings]
            found = watched(stage.name, images, command, work / stage.name)
            growth.setdefault(stage.name, []).append(found)
            rows.append(row_of(found, decoding_s if stage.name in ("features", "predict") else 0.0))
            print(f"{stage.name}: {found.seconds:.1f} s", file=sys.stderr)
        show_table(rows)
        sys.stdout.flush()
        for each in (data, work):
            shutil.rmtree(each)
    grown = {stage: found for stage, found in growth.items() if len({each.images for each in found}) > 1}
    if grown:
        print(f"\n{name}: growth over {', '.join(map(str, parts))} of its true size")
        show_table([growth_of(stage, found) for stage, found in grown.items()])


def link(drawn: Path, data: Path, size: TrueSize, counts: tuple[int, int]) -> None:
    """The drawn files so often that there are `counts` of training and test ids: files linked, rows repeated."""
    names: dict[str, list[str]] = {}
    for table, count in zip((size.labels, size.sample), counts, strict=True):
        every = pd.read_csv(drawn / table, dtype=str).rename(columns=str.strip)[size.ids[0]].unique().tolist()
        ids = [each for each in every if next(drawn.rglob(f"{each}*"), None) is not None]
        for number in range(count):
            each = ids[number % len(ids)]
            names.setdefault(each, []).append(f"{each}{number // len(ids):04d}")
    for path in filter(Path.is_file, drawn.rglob("*")):
        parts = path.relative_to(drawn).parts
        if len(parts) == 1:
            repeat_rows(path, data / path.name, size.ids, names)
            continue
        known = [part.removesuffix(path.suffix) for part in parts if part.removesuffix(path.suffix) in names]
        for name in names[known[0]] if known else ():
            place = data.joinpath(*(part.replace(known[0], name) for part in parts))
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)


def repeat_rows(source: Path, target: Path, ids: tuple[str, ...], names: Mapping[str, list[str]]) -> None:
    """A table's rows for each name of their id."""
    table = pd.read_csv(source, dtype=str, keep_default_na=False)
    column = next(column for column in table if column in ids)
    known, _, week = (
        (table[column].str.rpartition("_")[part] for part in range(3))
        if column.endswith("Week")
        else (table[column], None, None)
    )
    repeated = table.assign(**{column: known.map(names)}, week="" if week is None else "_" + week)
    repeated = repeated.explode(column).dropna(subset=column)
    repeated[column] = repeated[column] + repeated.pop("week")
    target.parent.mkdir(parents=True, exist_ok=True)
    repeated.to_csv(target, index=False)


def seconds_to_decode(drawn: Path, name: str) -> float:
    """CPU time to read an image or a scan."""
    from pulmo.imaging.reading import read_volume
    from pulmo.radiographs.reading import read_image

    files = sorted(drawn.rglob("*.dcm"))[:24]
    if name in ("siim", "rsna"):
        return mean_cpu_seconds(read_image, files)
    return mean_cpu_seconds(read_volume, sorted({path.parent for path in drawn.rglob("*.dcm")})[:4])


def mean_cpu_seconds(read: Callable[[Path], object], paths: list[Path]) -> float:
    read(paths[0])  # imports
    start = time.process_time()
    for path in paths:
        read(path)
    return (time.process_time() - start) / len(paths)


def watched(stage: str, images: int, command: list[str], folder: Path) -> Measured:
    """Run a stage in a process, and see what it takes."""
    start, (idle, total) = time.monotonic(), machine_ticks()
    anonymous, read = 0, 0
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        by_process = {process.pid: 0}
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            family = list(with_children(process.pid))
            anonymous = max(anonymous, sum(number_in(f"/proc/{pid}/status", "RssAnon:") for pid in family) * 1024)
            by_process |= {pid: number_in(f"/proc/{pid}/io", "read_bytes:") for pid in family}
            read = max(read, sum(by_process.values()))
            time.sleep(SAMPLED_EVERY_S)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode:
            log.seek(0)
            raise SystemExit(f"{' '.join(command)}\n{log.read()}")
    seconds, (idle_after, total_after) = time.monotonic() - start, machine_ticks()
    usage = ended[2]
    return Measured(
        stage,
        images,
        seconds,
        usage.ru_utime + usage.ru_stime,
        1 - (idle_after - idle) / max(1, total_after - total),
        read,
        usage.ru_maxrss * 1024,
        anonymous,
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    )


def with_children(pid: int) -> Iterator[int]:
    """A process and all processes below it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = children.read_text().split()
        except OSError:  # it has just ended
            continue
        for child in below:
            yield from with_children(int(child))


def number_in(path: str, key: str) -> int:
    """The number behind a key in one of the system's files; 0 where it is gone."""
    try:
        return next(int(line.split()[1]) for line in Path(path).read_text().splitlines() if line.startswith(key))
    except (OSError, StopIteration):
        return 0


def machine_ticks() -> tuple[int, int]:
    """Idle and all ticks of all cores since the start."""
    ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]))
    return ticks[3] + ticks[4], sum(ticks[:8])


def limit_of(found: Measured, decoding_s: float) -> str:
    """What the stage waits for."""
    if found.busy < BUSY and found.read / found.seconds > DISK_MB_S * 1e6:
        return "disk"
    if found.busy < BUSY:
        return "one thread"
    return "decoder" if decoding_s * found.images > MOST * found.cpu_seconds else "cores"


def row_of(found: Measured, decoding_s: float) -> dict[str, str]:
    return {
        "stage": found.stage,
        "images": f"{found.images:,}",
        "s": f"{found.seconds:.1f}",
        "images/s": f"{found.images / found.seconds:.1f}",
        "CPU": f"{found.cpu:.0%} of {found.busy:.0%}",
        "read MB/s": f"{found.read / found.seconds / 1e6:.1f}",
        "peak MB": f"{found.peak / 1e6:.0f}",
        "anonymous MB": f"{found.anonymous / 1e6:.0f}",
        "disk MB": f"{found.disk / 1e6:.0f}",
        "limit": limit_of(found, decoding_s),
    }


def growth_of(stage: str, found: list[Measured]) -> dict[str, str]:
    """One stage at all sizes; what it takes with next to no images, such as loading Keras, is in the CPU time."""
    per_image = [each.cpu_seconds / each.images * 1000 for each in found]
    # Of the images that one size has more than the one before: without what the stage takes to start.
    more = np.diff([each.cpu_seconds for each in found]) / np.diff([each.images for each in found]) * 1000
    return {
        "stage": stage,
        "CPU ms an image": ", ".join(f"{value:.1f}" for value in per_image),
        "of those added": ", ".join(f"{value:.1f}" for value in more),
        "peak MB": ", ".join(f"{each.peak / 1e6:.0f}" for each in found),
        "anonymous MB": ", ".join(f"{each.anonymous / 1e6:.0f}" for each in found),
    }


if __name__ == "__main__":
    main()
