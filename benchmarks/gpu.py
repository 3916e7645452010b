"""What does a GPU make of the networks, at their full presets and at the reports' sizes? At most eight minutes.

    python benchmarks/gpu.py                      # Keras on JAX, torch or TensorFlow, whichever is there
    KERAS_BACKEND=torch python benchmarks/gpu.py --only device --only report_unet_256
    python benchmarks/gpu.py --profile --alone --only report_unet_320
    python benchmarks/gpu.py --small              # sizes for a CPU; chosen by itself where there is no GPU

Each network is a stage's own (network, loss, precision, optimizer), in a process of its own, so that its peak of memory
is its own and its failure too; one process builds while another measures, and a lock keeps the device to one of them.
Images a second are of whole training steps; "estimated" are those of `pulmo.training.cost` by the device's own rates.
FLOPs are twice the multiplications of convolutions and dense layers, depthwise ones included, and backward counts as
twice forward; normalisation and augmentation are left out. The peak is the fastest product of two random matrices of
8192² in the same precision. Pictures are random and of the full size; in "gathered" steps, batches are read anew from a
memory-mapped file, by Keras' own thread or by four that work ahead; in the others one batch is given again and again.
Gather, transfer and augmentation are also measured each by itself. Decoding is no part of training, for `features` does
it once: it stands in the device's rows, in images a second and core, of a smooth JPEG of 1024². `--alone` measures the
steps alone; `--profile` adds the time of each kernel on the GPU by kind, over eight steps. "padded" U-Nets get seven
channels of zeros beside the picture, so that all their channels come in multiples of eight. Torch computes eagerly, as
Keras chooses. Nothing here needs TensorFlow, LightGBM or a DICOM decoder.
"""

import argparse
import fcntl
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

os.environ.setdefault("KERAS_BACKEND", next(filter(importlib.util.find_spec, ("jax", "torch", "tensorflow"))))
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # two processes share the device

import keras
import numpy as np
from keras import ops

import training
from pulmo.commands.console import show_table
from pulmo.competition import find_competition
from pulmo.pipeline.settings import load_settings
from pulmo.training import loop
from pulmo.training.cost import BACKWARD, Gpu, Work, forward_work
from pulmo.training.data import Rows, TrainingBatches
from pulmo.training.device import computing_on
from pulmo.training.tasks import BoxLimits, BoxTask, MaskTask

REPORTED = {"report_unet_256": 7.7, "report_unet_320": 7.8, "report_resnet_base": 10.3}
"""Images a second, see `training.REPORTED`."""
MEASURED_S, LONGEST_S, AUGMENTATIONS, WORKERS = 2.0, 90, 8, 4
PARTS = ("gather", "transfer", "augmentation")
PROFILED_STEPS = 8
KERNELS = {
    "copies": r"nchwtonhwc|nhwctonchw|transpose|copy|pad|concat|memcpy|memset|catarray|convert_tensor|converttensor",
    "convolutions": r"conv(?!ert)|xmma|cutlass|gemm|cudnn|wgrad|dgrad|fprop|winograd|nvjet|cublas",
    "reductions": r"reduce|norm|bn_",
}
"""Kinds of kernels by their names, the first that fits; what none fits is elementwise."""
SMALL = {
    "osic": ("features.slice_pixels=32", "train_cnn.stem=4"),
    "dsb": ("features.size=[8,16,16]", "train_cnn.stem=4"),
    "siim": ("features.pixels=64", "train_segmenter.base_filters=4"),
    "rsna": (
        "features.pixels=64",
        *(f"train_{family}.base_filters=4" for family in ("segmenter", "detector", "lungs")),
    ),
}


class Case(NamedTuple):
    """A stage of a preset, and how: `batch` (0: the preset's), Keras' dtype `policy`, `compiled` or not,
    `start` filters of the first level (0: its own); `small` for a CPU; a U-Net's picture `padded` to 8 channels."""

    competition: str
    preset: str
    stage: str = "train_segmenter"
    batch: int = 0
    policy: str = "mixed_float16"
    compiled: bool = True
    start: int = 0
    small: bool = False
    padded: bool = False

    @property
    def name(self) -> str:
        """With what is not usual about it."""
        unusual = [f"{self.start} filters"] if self.start else []
        unusual += [] if self.compiled else ["not compiled"]
        unusual += ["padded"] if self.padded else []
        return " ".join([self.competition, self.preset, self.stage, *unusual])

    @property
    def label(self) -> str:
        """The name with batch (0: the preset's) and precision; `--only` looks in it."""
        return f"{self.name} × {self.batch} {self.policy.removeprefix('mixed_')}"


SIIM, SEGMENTER = Case("siim", "full"), Case("rsna", "full")
RESNET, DETECTOR = Case("rsna", "report_resnet_base"), Case("rsna", "full", "train_detector")
OSIC, DSB = Case("osic", "full", "train_cnn"), Case("dsb", "full", "train_cnn")
UNET256, UNET320 = Case("rsna", "report_unet_256"), Case("rsna", "report_unet_320")
CASES = (
    *(UNET320, UNET320._replace(padded=True), UNET320._replace(batch=64, padded=True)),
    *(UNET320._replace(policy="mixed_bfloat16"), UNET320._replace(batch=64), UNET256._replace(padded=True)),
    *(UNET320._replace(policy="float32"), UNET320._replace(batch=64, policy="mixed_bfloat16", padded=True)),
    *(RESNET, UNET256, SEGMENTER, SIIM),
    *(OSIC, DSB, DETECTOR, Case("rsna", "full", "train_classifier")),
    *(OSIC._replace(batch=512), OSIC._replace(policy="mixed_bfloat16"), OSIC._replace(policy="float32")),
    *(OSIC._replace(compiled=False), DSB._replace(batch=256), RESNET._replace(batch=128)),
    *(DETECTOR._replace(start=64), DETECTOR._replace(policy="float32"), Case("rsna", "full", "train_lungs")),
    *(Case("osic", "report", "train_cnn"), Case("dsb", "slides", "train_cnn")),
    *(RESNET._replace(policy="float32"), UNET256._replace(batch=128)),
)
"""The most telling first, for a large network takes 40 s to compile; those for which no time is left are named."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument(
        "--only", action="append", default=[], help="cases whose label holds this; device: its own rows"
    )
    parser.add_argument("--skip", action="append", default=[])
    parser.add_argument("--alone", action="store_true", help="the steps alone, without the input pipeline")
    parser.add_argument("--profile", action="store_true", help="the time of each kernel, too")
    parser.add_argument("--out", type=Path, help="a file to add each result to, a line of JSON each")
    parser.add_argument("--one", help="(used by the script itself)")
    parser.add_argument("--lock", type=Path, help="(used by the script itself)")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure_device() if arguments.one == "device" else _measure(arguments)), flush=True)
    else:
        _all(arguments)


def _all(arguments: argparse.Namespace) -> None:
    ends = time.monotonic() + 60 * arguments.minutes
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "lock"
        device = _in_a_process("device", lock, ends, arguments)
        show_table([{"what": what, "is": str(value)} for what, value in device.items()])
        small = arguments.small or device["kind"] == "cpu"
        cases = [case._replace(small=small) for case in CASES if chosen(case.label, arguments.only, arguments.skip)]
        if small:
            cases = list(dict.fromkeys(case._replace(batch=min(case.batch, 8), policy="float32") for case in cases))
        with ThreadPoolExecutor(2) as pool:
            rows = []
            for case, found in zip(
                cases,
                pool.map(lambda case: _in_a_process(json.dumps(case), lock, ends, arguments), cases),
                strict=True,
            ):
                print(f"{case.label}: {found}", flush=True)
                if "error" not in found:
                    rows.append(row_of(case, found, device))
    if rows:
        show_table(rows)


def chosen(label: str, only: Sequence[str], skip: Sequence[str]) -> bool:
    """Whether a case is to be measured."""
    return (not only or any(word in label for word in only)) and not any(word in label for word in skip)


def _in_a_process(what: str, lock: Path, ends: float, arguments: argparse.Namespace) -> dict[str, Any]:
    left = ends - time.monotonic()
    if left < MEASURED_S:
        return {"error": "no time was left"}
    words = [sys.executable, __file__, "--one", what, "--lock", str(lock)]
    words += [f"--{name}" for name in ("alone", "profile") if getattr(arguments, name)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=left)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        found = {"error": "stopped: the time was up"}
    except subprocess.CalledProcessError as failed:
        found = {"error": f"ended with {failed.returncode}: {failed.stderr[-1500:]}"}
    if arguments.out:
        with arguments.out.open("a") as file:
            file.write(json.dumps({"case": what, **found}) + "\n")
    return found


def row_of(case: Case, found: dict[str, Any], device: dict[str, Any]) -> dict[str, str]:
    """A row of the table."""
    precision = case.policy.removeprefix("mixed_")
    peak = device[f"{precision}, TFLOP/s"]
    report = REPORTED.get(case.preset)
    steps = found["steps alone"]
    gpu = Gpu(peak, device["memory read and written, GB/s"])
    gathered = found.get("gathered", steps)
    row = {
        "network": f"{case.name}, {found['shape']} × {found['batch']}",
        "precision": precision,
        "images/s": f"{steps:.0f}",
        "× report": f"{gathered / report:.0f}" if report else "",
        "GFLOP": f"{found['GFLOP']:.2f}",
        "of peak": f"{steps * found['GFLOP'] / 1e3 / peak:.1%}",
        "estimated": f"{1 / gpu.seconds(Work(1e9 * found['GFLOP'], found['numbers'])):.0f}",
        "peak GB": f"{found['peak GB']:.1f}",
        "to compile s": f"{found['to compile s']:.0f}",
    }
    row |= {f"{kind} ms": f"{milliseconds:.2f}" for kind, milliseconds in found.get("kernels", {}).items()}
    if "gathered" in found:
        slowest = min(PARTS, key=lambda part: float(found[part]))
        row |= {"gathered": f"{gathered:.0f}", f"{WORKERS} threads ahead": f"{found['gathered ahead']:.0f}"}
        row |= {f"{part}/s": f"{found[part]:.0f}" for part in PARTS}
        row["keeps up"] = "yes" if gathered > 0.95 * steps else f"no: {slowest}"
    return row


def measure_device() -> dict[str, Any]:
    """Name, versions, and how fast it multiplies, copies and is reached."""
    with computing_on("auto", mixed=False) as device:
        found: dict[str, Any] = {"name": training.name_of(device.kind), "kind": device.kind, "cores": os.cpu_count()}
        found["versions"] = f"Python {sys.version.split()[0]}, Keras {keras.__version__}, {_version(device.backend)}"
        for dtype in ("float16", "bfloat16", "float32"):
            found[f"{dtype}, TFLOP/s"] = round(training.matrix_peak(device.kind, dtype) / 1e12, 3)
        block = np.ones((2**28 if device.kind == "gpu" else 2**24,), np.float32)
        seconds = _seconds(lambda: ops.convert_to_tensor(block), 3)
        found["host to device, GB/s"] = round(block.nbytes / seconds / 1e9, 2)
        there = ops.convert_to_tensor(block)
        found["memory read and written, GB/s"] = round(2 * block.nbytes / _seconds(lambda: there + 1, 10) / 1e9, 1)
        found["a JPEG decoded and shrunk to 320², images/s and core"] = round(_decoding(), 1)
        return found


def _version(backend: str) -> str:
    module = importlib.import_module(backend)
    return f"{backend} {module.__version__}"


def _decoding() -> float:
    import cv2

    noise = np.random.default_rng(0).normal(128, 200, (1024, 1024)).astype(np.float32)
    smooth = np.clip(128 + 8 * (cv2.GaussianBlur(noise, (0, 0), 4) - 128), 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", smooth)[1]
    cv2.setNumThreads(1)
    started = time.perf_counter()
    for _ in range(30):
        cv2.resize(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), (320, 320), interpolation=cv2.INTER_AREA)
    return 30 / (time.perf_counter() - started)


def _seconds(make: Any, times: int) -> float:
    """What one call of several takes, until its tensor is there."""
    _wait(make())
    started = time.perf_counter()
    for _ in range(times):
        last = make()
    _wait(last)
    return (time.perf_counter() - started) / times


def _wait(tensor: Any) -> None:
    ops.convert_to_numpy(ops.reshape(tensor, (-1,))[:1])


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything of one case."""
    case = Case(*json.loads(arguments.one))
    with computing_on("auto", case.policy != "float32"), tempfile.TemporaryDirectory() as folder:
        keras.config.set_dtype_policy(case.policy)
        task, batch = _task(case)
        rows, trainer = training.on_disk(task, Path(folder)), training.trainer_of(task)
        learner = trainer.learner
        if not case.compiled:
            learner.jit_compile = False
        found = {"shape": "×".join(str(side) for side in task.network.input["image"].shape[1:]), "batch": batch}
        work = forward_work(task.network)
        work = work.plus(work, BACKWARD)
        found["GFLOP"], found["numbers"] = work.flop / 1e9, work.numbers
        with _alone(arguments.lock, 20 * LONGEST_S if case.small else LONGEST_S):
            started = time.perf_counter()
            loop.train_epoch(learner, training.SameBatch(rows, batch, 3))
            found["to compile s"] = time.perf_counter() - started
            found["steps alone"] = _rate(learner, partial(training.SameBatch, rows, batch), batch)
            found["peak GB"] = _peak_memory() / 1e9
            if not arguments.alone:
                for name, workers in (("gathered", 1), ("gathered ahead", WORKERS)):
                    found[name] = _rate(learner, partial(_gathered, rows, batch, workers), batch)
                found |= _parts(rows, batch, learner.augment)
            if arguments.profile:
                found |= _profiled(learner, training.SameBatch(rows, batch, PROFILED_STEPS), Path(folder))
        return found


def _profiled(learner: Any, batches: TrainingBatches, folder: Path) -> dict[str, Any]:
    """Milliseconds a step of the kernels on the GPU by kind, and the longest by name, with their number a step."""
    spent: dict[str, list[float]] = {}
    for name, nanoseconds in _kernels(learner, batches, folder):
        spent.setdefault(name, []).append(nanoseconds / 1e6 / len(batches))
    kernels = dict.fromkeys((*KERNELS, "elementwise"), 0.0)
    for name, times in spent.items():
        kernels[kind_of(name)] += sum(times)
    longest = sorted(spent.items(), key=lambda item: -sum(item[1]))[:60]
    return {
        "kernels": kernels,
        "longest": [[name[:160], round(sum(times), 4), len(times) / len(batches)] for name, times in longest],
    }


def kind_of(kernel: str) -> str:
    """See KERNELS."""
    return next((kind for kind, names in KERNELS.items() if re.search(names, kernel.lower())), "elementwise")


def _kernels(learner: Any, batches: TrainingBatches, folder: Path) -> Iterator[tuple[str, float]]:
    """Name and nanoseconds of each."""
    if keras.backend.backend() == "jax":
        import jax

        options = jax.profiler.ProfileOptions()
        options.host_tracer_level = options.python_tracer_level = 0
        with jax.profiler.trace(folder, profiler_options=options):
            loop.train_epoch(learner, batches)
        for file in folder.rglob("*.xplane.pb"):
            for plane in jax.profiler.ProfileData.from_file(str(file)).planes:
                for line in plane.lines if "GPU" in plane.name else ():
                    if line.name.startswith("Stream"):
                        yield from ((event.name, event.duration_ns) for event in line.events)
    elif keras.backend.backend() == "torch":
        import torch

        if not torch.cuda.is_available():
            return
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            loop.train_epoch(learner, batches)
        events = (event for event in profile.events() if event.device_type == torch.autograd.DeviceType.CUDA)
        yield from ((event.name, 1e3 * event.time_range.elapsed_us()) for event in events)


def _gathered(rows: Rows, batch: int, workers: int, steps: int) -> TrainingBatches:
    return TrainingBatches(rows, batch, 0, steps, workers=workers, max_queue_size=2 * workers)


def _rate(learner: Any, batches: Any, batch: int) -> float:
    """Images a second, over about MEASURED_S."""
    first = training.images_a_second(learner, batches(3), 3 * batch)
    steps = int(np.clip(MEASURED_S * first / batch, 3, 1000))
    started = time.perf_counter()
    loop.train_epoch(learner, batches(steps))
    return steps * batch / (time.perf_counter() - started)


def _parts(rows: Rows, batch: int, augment: Any) -> dict[str, float]:
    """Images a second of each part of the input pipeline by itself."""
    batches = TrainingBatches(rows, batch, 0, 20)
    started = time.perf_counter()
    gathered = [batches[number][0] for number in range(len(batches))]
    found = {"gather": len(batches) * batch / (time.perf_counter() - started)}
    arrays = [array for made in gathered for array in (made["inputs"]["image"], made["target"])]
    turn = iter(arrays[2:] * 2)
    found["transfer"] = batch / (2 * _seconds(lambda: ops.convert_to_tensor(next(turn)), len(arrays) - 2))
    model = Augmenting(augment)
    model.predict_on_batch(gathered[0])
    started = time.perf_counter()
    for made in gathered[:5]:
        model.predict_on_batch(made)
    found["augmentation"] = 5 * AUGMENTATIONS * batch / (time.perf_counter() - started)
    return found


class Augmenting(keras.Model):
    """Augments a batch several times, and brings back a number an image: what it takes is the augmentation."""

    def __init__(self, augment: Any) -> None:
        super().__init__(dtype="float32")
        self.augment = augment

    def build(self, _: Any) -> None:
        """Nothing: the layer has no weights."""
        self.built = True

    def call(self, batch: dict[str, Any]) -> Any:
        """Sums of the images and the targets."""
        total = 0.0
        for _ in range(AUGMENTATIONS):
            moved = self.augment(batch)
            for part in (moved["inputs"]["image"], moved["target"]):
                flat = ops.reshape(ops.cast(part, "float32"), (ops.shape(part)[0], -1))
                total = total + ops.sum(flat, axis=1)
        return total


def _task(case: Case) -> tuple[training.Task, int]:
    """The stage's network and loss with random pictures, and its batch."""
    config = (resources.files(f"pulmo.competitions.{case.competition}") / "config.toml").read_text()
    changed = [*(SMALL[case.competition] if case.small else ())]
    changed += [f"{case.stage}.base_filters={case.start}"] if case.start and not case.small else []
    settings: Any = load_settings(find_competition(case.competition).settings, config, case.preset, changed)
    s, features = getattr(settings, case.stage), settings.features
    keras.utils.set_random_seed(0)
    if case.competition == "osic":
        task = training.osic_cnn(features.slice_pixels, case.preset)
    elif case.competition == "dsb":
        task = training.dsb_cnn(features.size[1], case.preset)
    elif case.stage == "train_detector":
        boxes = BoxTask(s, training.boxes(features.pixels), BoxLimits(20, 0.05))
        network = boxes.network({"image": training.masks(features.pixels)}, lambda _: None)()
        task = training.Task(network, boxes.loss(), {}, boxes.target, kind="boxes")
    else:
        target = training.masks(features.pixels)
        mask = MaskTask(s, target)
        with _padded() if case.padded else nullcontext():
            network = mask.network({"image": target}, lambda _: None)()
        task = training.Task(network, mask.loss(), {}, target)
    return task, case.batch or (8 if case.small else s.batch)


@contextmanager
def _padded() -> Iterator[None]:
    """U-Nets built inside have seven channels of zeros beside the picture, and so 40, 104, … in place of 33, 97, …"""
    from pulmo.models.segmenter import normalised

    def padded(image: Any) -> Any:
        return ops.pad(normalised(image), ((0, 0), (0, 0), (0, 0), (0, 7)))

    with patch("pulmo.models.unet.normalised", padded):
        yield


@contextmanager
def _alone(lock: Path, longest_s: int) -> Iterator[None]:
    """With the device to itself, and no longer than that: one network that hangs must not cost the others."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        signal.alarm(longest_s)
        yield
        signal.alarm(0)


def _peak_memory() -> float:
    """Bytes on the device, or of this process where that is a CPU."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        if found := jax.local_devices()[0].memory_stats():
            return float(found["peak_bytes_in_use"])
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            return float(torch.cuda.max_memory_allocated())
    else:
        import tensorflow

        if tensorflow.config.list_physical_devices("GPU"):
            return float(tensorflow.config.experimental.get_memory_info("GPU:0")["peak"])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


if __name__ == "__main__":
    main()
