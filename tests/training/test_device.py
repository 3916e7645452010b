from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from pulmo.errors import UserError
from pulmo.training import device as device_module
from pulmo.training.device import computing_on, devices, gradient, on_cpu, replicated


def test_on_the_cpu_it_computes_in_full_precision() -> None:
    with computing_on("cpu") as device:
        assert (device.kind, device.number) == ("cpu", 1)
        assert keras.config.dtype_policy().name == "float32"


def test_half_precision_ends_with_the_scope() -> None:
    with computing_on("cpu", mixed=True):
        assert keras.config.dtype_policy().name == "mixed_float16"
    assert keras.config.dtype_policy().name == "float32"


def test_a_gpu_computes_in_half_precision_and_is_not_made_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_count", lambda backend, kind: 1)  # TensorFlow takes it by itself
    made: list[str] = []
    monkeypatch.setattr(device_module, "_make_deterministic", made.append)
    with computing_on("auto") as device:
        assert str(device) == "GPU, tensorflow"
        assert keras.config.dtype_policy().name == "mixed_float16"
        assert (on_cpu(), devices(), replicated()) == (False, 1, False)
        assert made == []
    with computing_on("gpu", mixed=False):
        assert keras.config.dtype_policy().name == "float32"
    assert made == []
    with computing_on("cpu"):
        assert made == ["tensorflow"]
        assert (on_cpu(), devices(), replicated()) == (True, 1, False)
    assert (on_cpu(), devices(), replicated()) == (True, 1, False)  # outside, too


def test_a_gpu_that_is_not_there_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_count", lambda backend, kind: 0)
    what = r"--device gpu: tensorflow, Keras' backend, sees no GPU\. Run `pulmo doctor`"
    with pytest.raises(UserError, match=what), computing_on("gpu"):
        pass
    with computing_on("auto") as device:
        assert device.kind == "cpu"


def test_all_gpus_are_used_unless_some_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_count", lambda backend, kind: {"gpu": 2, "cpu": 1}[kind])
    chosen = device_module.chosen_devices
    assert chosen("auto", "tensorflow") == chosen("gpu", "jax") == ("gpu", [0, 1])
    assert chosen("gpu:1", "tensorflow") == ("gpu", [1])
    assert chosen("gpu:1,gpu:0", "tensorflow") == ("gpu", [1, 0])
    assert chosen("cpu", "tensorflow") == ("cpu", [0])
    assert chosen("gpu", "torch") == ("gpu", [0])  # torch trains on one


def test_a_device_beyond_the_last_is_named_with_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_count", lambda backend, kind: 2)
    with pytest.raises(UserError, match=r"--device gpu:0,gpu:2: tensorflow, Keras' backend, sees 2 GPUs"):
        device_module.chosen_devices("gpu:0,gpu:2", "tensorflow")


def test_another_device_than_the_backend_s_own_is_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_count", lambda backend, kind: {"gpu": 2, "cpu": 1}[kind])
    monkeypatch.setattr(device_module, "_make_deterministic", lambda backend: None)
    entered: list[str] = []

    def enter(name: str) -> nullcontext[None]:
        entered.append(name)
        return nullcontext()

    monkeypatch.setattr(keras, "device", enter)
    for wish in ("gpu:1", "gpu:0", "cpu"):
        with computing_on(wish):
            pass
    assert entered == ["gpu:1", "cpu:0"]  # where there is a GPU, every backend takes the first by itself
    monkeypatch.setattr(device_module, "_count", lambda backend, kind: {"gpu": 0, "cpu": 1}[kind])
    with computing_on("cpu"):
        pass
    assert entered == ["gpu:1", "cpu:0"]


@pytest.mark.parametrize(("rows", "parts"), [(4, [[0, 1], [2, 3]]), (3, [[0, 1, 2], [0, 1, 2]])])
def test_two_devices_share_a_batch_that_has_two_halves(
    monkeypatch: pytest.MonkeyPatch, rows: int, parts: list[list[int]]
) -> None:
    def of_each_device(part: Callable[[Any], Any]) -> list[Any]:
        return [part(SimpleNamespace(replica_id_in_sync_group=number)) for number in range(2)]

    strategy = SimpleNamespace(experimental_distribute_values_from_function=of_each_device)
    monkeypatch.setattr("tensorflow.distribute.get_strategy", lambda: strategy)
    monkeypatch.setattr(device_module, "devices", lambda: 2)
    shares = device_module._shares({"target": np.arange(rows)})
    assert [share["target"].numpy().tolist() for share in shares] == parts


def test_the_gradient_of_a_sum_by_hand() -> None:
    slopes = gradient(lambda place, training: place**3, np.array([[1.0, -2.0], [0.5, 0.0]], np.float32))
    assert slopes.tolist() == [[3.0, 12.0], [0.75, 0.0]]
