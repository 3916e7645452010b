"""Devices: a CPU, a GPU, or several of them; the one file that calls a backend by its name.

`on_cpu` is the one switch between two ways to train. On a GPU, Keras' own loops and optimizer, in mixed precision. On
the CPU, bit-equal results: deterministic operations, `loop` runs batch by batch, because Keras' loops feed TensorFlow
from another thread, which then takes part in the computing, and about one step in 300 came to differ in its last bit;
and `flat_optimizer` updates all weights as one vector, which halves the time to compile a small network's step.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from pulmo.errors import Fault, UserError

_on_cpu: ContextVar[bool] = ContextVar("on_cpu", default=True)


def on_cpu() -> bool:
    """Whether the CPU trains, see above; set by `computing_on`."""
    return _on_cpu.get()


class Device(NamedTuple):
    """`kind` cpu or gpu, the `number` of them, and the Keras `backend`."""

    kind: str
    number: int
    backend: str

    def __str__(self) -> str:
        return f"{f'{self.number} ' if self.number > 1 else ''}{self.kind.upper()}, {self.backend}"


@contextmanager
def computing_on(wish: str, mixed: bool | None = None) -> Iterator[Device]:
    """Build and train networks on a device, inside `with`.

    On GPUs in mixed precision; on the CPU in float32 and by deterministic operations, so that the same training twice,
    with the same number of threads, gives the same weights. Several GPUs share each batch: under TensorFlow by
    MirroredStrategy, under JAX by Keras' own distribution; torch uses one.

    Args:
        wish: auto, cpu or gpu; auto uses a GPU where there is one.
        mixed: mixed precision; by default on GPUs.

    Raises:
        UserError: a GPU is wished for and Keras' backend sees none.
    """
    import keras

    backend = str(keras.backend.backend())
    gpus = _count_gpus(backend)
    if wish == "gpu" and not gpus:
        remedy = "Run `pulmo doctor`, install with `make setup GPU=1`, or leave --device at auto"
        raise UserError(Fault("--device gpu", f"{backend}, Keras' backend, sees no GPU", remedy))
    kind = "gpu" if gpus and wish != "cpu" else "cpu"
    count = (gpus if backend != "torch" else 1) if kind == "gpu" else 1
    half = kind == "gpu" if mixed is None else mixed
    before = keras.config.dtype_policy()
    with ExitStack() as scopes:
        scopes.callback(keras.config.set_dtype_policy, before)
        keras.config.set_dtype_policy("mixed_float16" if half else "float32")
        if backend == "tensorflow":
            _quieten_tensorflow()
        scopes.callback(_on_cpu.reset, _on_cpu.set(kind == "cpu"))
        if kind == "cpu":
            _make_deterministic(backend)
        if kind == "cpu" and gpus:  # else every backend takes the best device by itself
            scopes.enter_context(keras.device("cpu" if backend == "torch" else "cpu:0"))
        if count > 1:
            _share_batches(backend, count, scopes)
        yield Device(kind, count, backend)


def gradient(function: Any, at: np.ndarray) -> np.ndarray:
    """The gradient of a sum of a network's outputs with respect to its input, of the input's shape.

    Keras trains under every backend, but has no function of its own for this.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        place = tensorflow.convert_to_tensor(at)
        with tensorflow.GradientTape() as tape:
            tape.watch(place)
            total = tensorflow.reduce_sum(function(place, training=False))
        return np.asarray(tape.gradient(total, place))
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(lambda place: function(place, training=False).sum())(at))
    place = keras.ops.convert_to_tensor(at).requires_grad_()
    function(place, training=False).sum().backward()
    return np.asarray(place.grad.cpu())


def _count_gpus(backend: str) -> int:
    if backend == "tensorflow":
        import tensorflow

        return len(tensorflow.config.list_physical_devices("GPU"))
    if backend == "jax":
        import jax

        return sum(device.platform == "gpu" for device in jax.devices())
    import torch

    return int(torch.cuda.device_count())


def _quieten_tensorflow() -> None:
    import tensorflow

    # It warns that every network has a prediction step of its own.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # This pass cannot fuse the gradient of LeakyReLU, prints that in C++, and goes on without.
    tensorflow.config.optimizer.set_experimental_options({"remapping": False})


def _make_deterministic(backend: str) -> None:
    if backend == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
        # Operations that may run side by side differ in the last bit from time to time; one after the other, each of
        # them with all threads, they do not, and take no longer. Refused once TensorFlow has computed anything.
        with suppress(RuntimeError):
            tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    elif backend == "torch":
        import torch

        torch.use_deterministic_algorithms(mode=True)


def _share_batches(backend: str, count: int, scopes: ExitStack) -> None:
    import keras

    if backend == "tensorflow":
        import tensorflow

        names = [f"GPU:{number}" for number in range(count)]
        scopes.enter_context(tensorflow.distribute.MirroredStrategy(names).scope())
    else:
        scopes.callback(keras.distribution.set_distribution, None)
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=keras.distribution.list_devices("gpu"))
        )
