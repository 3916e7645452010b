"""Files as `torch.save` wrote them before PyTorch 1.6, put together by hand, instruction by instruction."""

import pickle
import struct
from collections.abc import Mapping, Sequence

import numpy as np

HEADER = b"".join(
    pickle.dumps(value, 2)
    for value in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
)
EMPTY_DICTIONARY = b"ccollections\nOrderedDict\n)R"
KINDS = {"float32": "FloatStorage", "int64": "LongStorage"}


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def numbers(values: Sequence[int]) -> bytes:
    """A tuple."""
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def storage(key: str, length: int, kind: str = "FloatStorage") -> bytes:
    return b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + _integer(length) + b"NtQ"


def tensor(place: bytes, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> bytes:
    """A part of a storage; its gradient is not needed, and it has no hooks."""
    arguments = place + _integer(offset) + numbers(shape) + numbers(strides) + b"\x89" + EMPTY_DICTIONARY
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def table(tensors: Mapping[str, bytes]) -> bytes:
    return b"\x80\x02" + EMPTY_DICTIONARY + b"(" + b"".join(text(name) + tensors[name] for name in tensors) + b"u."


def elements(values: Mapping[str, np.ndarray]) -> bytes:
    """The storages: their keys, and what they hold."""
    stored = (struct.pack("<q", value.size) + value.tobytes() for value in values.values())
    return pickle.dumps(list(values), 2) + b"".join(stored)


def torch_file(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A file with these arrays, each in a storage of its own."""
    tensors = {
        name: tensor(
            storage(name, value.size, KINDS[str(value.dtype)]),
            value.shape,
            [stride // value.itemsize for stride in value.strides],
        )
        for name, value in arrays.items()
    }
    return HEADER + table(tensors) + elements(arrays)


def _integer(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]
