"""Devices: a CPU, a GPU, or several of them; the one file that calls a backend by its name.

`on_cpu` is the one switch between two ways to train. On a GPU, Keras' own loops and optimizer, in mixed precision. On
the CPU, bit-equal results: deterministic operations, `loop` runs batch by batch, because Keras' loops feed TensorFlow
from another thread, which then takes part in the computing, and about one step in 300 came to differ in its last bit;
and `flat_optimizer` updates all weights as one vector, which halves the time to compile a small network's step.

Several devices share each batch, so that the size of a batch, the learning rate and the results stay those of one
device, but for rounding: each takes an equal part of it, or the whole where their number does not divide it; batch
normalisation takes its statistics from all parts; and gradients are added up before they are clipped. JAX does so by
itself; under TensorFlow see `_synchronised` and `summed_gradients`, and the devices draw equal random numbers.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from pulmo.errors import Fault, UserError
from pulmo.pipeline.log import note


class Device(NamedTuple):
    """`kind` cpu or gpu, the `number` of them, and the Keras `backend`."""

    kind: str
    number: int
    backend: str

    def __str__(self) -> str:
        return f"{f'{self.number} ' if self.number > 1 else ''}{self.kind.upper()}, {self.backend}"


_ONE_CPU = Device("cpu", 1, "")
_current: ContextVar[Device | None] = ContextVar("device", default=None)


def on_cpu() -> bool:
    """Whether one CPU trains, see above; set by `computing_on`."""
    device = _current.get() or _ONE_CPU
    return (device.kind, device.number) == ("cpu", 1)


def devices() -> int:
    """How many devices train, see above; set by `computing_on`."""
    return (_current.get() or _ONE_CPU).number


def replicated() -> bool:
    """Whether several devices train under TensorFlow, where each of them has a copy of the network."""
    device = _current.get() or _ONE_CPU
    return device.number > 1 and device.backend == "tensorflow"


@contextmanager
def computing_on(wish: str, mixed: bool | None = None) -> Iterator[Device]:
    """Build and train networks on a device, inside `with`.

    On GPUs in mixed precision; on the CPU in float32 and by deterministic operations, so that the same training twice,
    with the same number of threads, gives the same weights. Several devices share each batch: under TensorFlow by
    MirroredStrategy, under JAX by Keras' own distribution; torch uses the first one.

    Args:
        wish: auto, cpu, gpu, or devices such as `gpu:1` or `gpu:0,gpu:1`; auto uses all GPUs, where there are any, and
            gpu all of them.
        mixed: mixed precision; by default on GPUs.

    Raises:
        UserError: a device that is wished for is not there.
    """
    import keras

    backend = str(keras.backend.backend())
    kind, numbers = chosen_devices(wish, backend)
    gpus = _count(backend, "gpu")
    half = kind == "gpu" if mixed is None else mixed
    before = keras.config.dtype_policy()
    with ExitStack() as scopes:
        scopes.callback(keras.config.set_dtype_policy, before)
        keras.config.set_dtype_policy("mixed_float16" if half else "float32")
        if backend == "tensorflow":
            _quieten_tensorflow()
        device = Device(kind, len(numbers), backend)
        scopes.callback(_current.reset, _current.set(device))
        if kind == "cpu":
            _make_deterministic(backend)
        if device.number > 1:
            _share_batches(backend, [f"{kind}:{number}" for number in numbers], scopes)
        elif (kind, numbers) != ("gpu" if gpus else "cpu", [0]):  # else every backend takes that device by itself
            scopes.enter_context(keras.device("cpu" if (backend, kind) == ("torch", "cpu") else f"{kind}:{numbers[0]}"))
        yield device


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


def run_step(learner: Any, batch: Any, *, training: bool) -> dict[str, Any]:
    """A step of training or evaluation on one batch, arrays in dicts: the Keras model's loss and metrics by name."""
    if not replicated():
        step = learner.train_on_batch if training else learner.test_on_batch
        # Under JAX's distribution, Keras fails on a batch without a target beside it; the learner has its own.
        beside = [batch["weight"]] * 2 if devices() > 1 else []
        return dict(step(batch, *beside, return_dict=True))
    # Keras' functions for one batch give it whole to every device.
    with _synchronised(learner):
        if training:
            learner.make_train_function()
        else:
            learner.make_test_function()
        step = learner.train_function if training else learner.test_function
        return dict(step(iter([(_shares(batch),)])))


def mean_over_devices(gradients: list[Any]) -> list[Any]:
    """Within a training step under TensorFlow: the means of all devices' gradients, on each of them."""
    import tensorflow

    context = tensorflow.distribute.get_replica_context()
    return list(context.all_reduce(tensorflow.distribute.ReduceOp.MEAN, gradients))


def _shares(batch: Any) -> Any:
    """Each device's part of a batch, or the whole where their number does not divide it: weights in the sum of
    gradients are the same."""
    import keras
    import tensorflow

    rows, number = len(keras.tree.flatten(batch)[0]), devices()

    def part(context: Any) -> Any:
        size = rows if rows % number else rows // number
        first = 0 if size == rows else size * context.replica_id_in_sync_group
        return keras.tree.map_structure(lambda array: tensorflow.constant(array[first : first + size]), batch)

    return tensorflow.distribute.get_strategy().experimental_distribute_values_from_function(part)


@contextmanager
def _synchronised(learner: Any) -> Iterator[None]:
    """Batch normalisation, while a step is compiled, by the statistics of the whole batch, not of a device's part.

    The layers' own option, but set back, as networks that are saved with it load under TensorFlow alone.
    """
    import keras

    layers = [layer for layer in learner._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = False


def chosen_devices(wish: str, backend: str) -> tuple[str, list[int]]:
    """The kind of device, and the numbers of those used; see `computing_on`."""
    if wish == "cpu" or (wish == "auto" and not _count(backend, "gpu")):
        return "cpu", [0]
    names = [name.partition(":") for name in wish.lower().split(",")]
    kind = "gpu" if wish == "auto" else names[0][0]
    found = _count(backend, kind)
    numbers = list(range(found)) if wish in ("auto", "gpu") else [int(number) for _, _, number in names]
    if not numbers or max(numbers) >= found:
        sees = f"sees {found or 'no'} {kind.upper()}{'s' if found > 1 else ''}"
        remedy = "Run `pulmo doctor`, install with `make setup GPU=1`, or leave --device at auto"
        raise UserError(Fault(f"--device {wish}", f"{backend}, Keras' backend, {sees}", remedy))
    if backend == "torch" and len(numbers) > 1:
        note(f"torch trains on one device: {kind}:{numbers[0]}; TensorFlow and JAX would share batches between them")
        return kind, numbers[:1]
    return kind, numbers


def _count(backend: str, kind: str) -> int:
    if backend == "tensorflow":
        import tensorflow

        # CPUs are counted only where they are named, since this starts the runtime.
        listed = tensorflow.config.list_logical_devices if kind == "cpu" else tensorflow.config.list_physical_devices
        return len(listed(kind.upper()))
    if backend == "jax":
        import jax

        return sum(device.platform == "gpu" for device in jax.devices()) if kind == "gpu" else len(jax.devices("cpu"))
    import torch

    return int(torch.cuda.device_count()) if kind == "gpu" else 1


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


@cache  # two strategies on the same devices number their reductions alike, and those of one network meet another's
def _mirrored_strategy(*names: str) -> Any:
    import tensorflow

    return tensorflow.distribute.MirroredStrategy([name.upper() for name in names])


def _share_batches(backend: str, names: list[str], scopes: ExitStack) -> None:
    import keras

    if backend == "tensorflow":
        scopes.enter_context(_mirrored_strategy(*names).scope())
        return

    class Shared(keras.distribution.DataParallel):
        """Batches in equal parts, or whole on every device where their number does not divide them."""

        def get_data_layout(self, data_shape: tuple[int, ...]) -> Any:
            """Of a batch's array."""
            if data_shape[0] % len(names):
                return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)
            return super().get_data_layout(data_shape)

    scopes.callback(keras.distribution.set_distribution, keras.distribution.distribution())
    keras.distribution.set_distribution(Shared(devices=names))
