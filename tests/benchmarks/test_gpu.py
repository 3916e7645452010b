"""The parts of `benchmarks/gpu.py` that need no device."""

import importlib
import os
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "tensorflow"))
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("gpu")


FOUND = {
    "shape": "320×320",
    "batch": 16,
    "GFLOP": 100.0,
    "numbers": 2.5e8,
    "steps alone": 1000.0,
    "gathered": 515.0,
    "gathered ahead": 990.0,
    "gather": 3000.0,
    "transfer": 700.0,
    "augmentation": 9000.0,
    "peak GB": 6.0,
    "to compile s": 30.0,
}


DEVICE = {"float16, TFLOP/s": 400.0, "memory read and written, GB/s": 2200.0}


def test_the_estimate_is_by_the_slower_of_arithmetic_and_memory(gpu: ModuleType) -> None:
    # 100 GFLOP at 0.37 × 400 TFLOP/s: 0.68 ms; 2.5e8 numbers of 8.8 bytes at 2.2 TB/s: 1 ms.
    assert gpu.row_of(gpu.SIIM, FOUND, DEVICE)["estimated"] == "1000"
    assert gpu.row_of(gpu.SIIM, {**FOUND, "numbers": 1e8}, DEVICE)["estimated"] == "1480"


def test_share_of_peak_and_ratio_to_the_report(gpu: ModuleType) -> None:
    # 1000 images/s × 100 GFLOP = 100 TFLOP/s of 400; 515 / 10.3 = 50; transfer is the slowest part.
    row = gpu.row_of(gpu.RESNET, FOUND, DEVICE)
    assert (row["of peak"], row["× report"], row["keeps up"]) == ("25.0%", "50", "no: transfer")


def test_the_pipeline_keeps_up_within_a_twentieth(gpu: ModuleType) -> None:
    row = gpu.row_of(gpu.DSB, {**FOUND, "gathered": 951.0}, DEVICE)
    assert (row["keeps up"], row["× report"]) == ("yes", "")


def test_every_case_is_measured_once_and_has_a_stage(gpu: ModuleType) -> None:
    assert len(set(gpu.CASES)) == len(gpu.CASES)
    for case in gpu.CASES:
        assert gpu.find_competition(case.competition).stage(case.stage).name == case.stage


def test_cases_are_chosen_by_parts_of_their_names(gpu: ModuleType) -> None:
    name = gpu.OSIC._replace(compiled=False).name
    assert name == "osic full train_cnn not compiled"
    assert gpu.chosen(name, [], [])
    assert gpu.chosen(name, ["osic"], [])
    assert not gpu.chosen(name, ["rsna"], [])
    assert not gpu.chosen(name, [], ["compiled"])
