import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulmo.models.torch_weights import read_tensors
from tests.models.torch_files import HEADER, elements, storage, table, tensor, text, torch_file

FOUR = np.arange(4, dtype=np.float32)
ARRAYS: dict[str, np.ndarray] = {
    "kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "bias": np.array([0.5], np.float32),
    "batches": np.array(7, np.int64),
}


class Calls:
    """What a pickle of this runs when it is loaded as usual."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def with_table(pickled: bytes) -> bytes:
    return HEADER + pickled + elements({"0": FOUR})


def one(part: bytes) -> bytes:
    return with_table(table({"w": part}))


def test_tensors_come_back_by_their_names() -> None:
    found = read_tensors(torch_file(ARRAYS))
    assert list(found) == list(ARRAYS)
    for name, value in ARRAYS.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def test_a_tensor_may_be_a_transposed_part_of_a_storage() -> None:
    values = np.arange(10, dtype=np.float32)
    part = tensor(storage("0", 10), shape=(2, 3), strides=(1, 2), offset=3)
    found = read_tensors(HEADER + table({"w": part}) + elements({"0": values}))
    np.testing.assert_array_equal(found["w"], [[3, 5, 7], [4, 6, 8]])
    with pytest.raises(ValueError, match="read-only"):
        found["w"][0, 0] = 1


def test_the_versions_of_modules_are_passed_over() -> None:
    versions = pickle.dumps({"_metadata": {"": {"version": 1}}}, 2)[2:-1]
    pickled = table({"w": tensor(storage("0", 4), (4,), (1,))}).removesuffix(b".") + versions + b"b."
    np.testing.assert_array_equal(read_tensors(with_table(pickled))["w"], FOUR)


@pytest.mark.parametrize("protocol", range(5))
def test_nothing_is_executed(protocol: int, tmp_path: Path) -> None:
    made = tmp_path / "made"
    hostile = pickle.dumps(Calls(os.system, f"touch {made}"), protocol)
    reason = f"asks for {os.name}.system, which no tensor needs" if protocol < 4 else "the pickle instruction"
    for data in (hostile, with_table(hostile), one(hostile.removeprefix(b"\x80\x02").removesuffix(b"."))):
        with pytest.raises(ValueError, match=reason):
            read_tensors(data)
    assert not made.exists()
    pickle.loads(hostile)
    assert made.exists()  # it is hostile indeed


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.arange(3), r"asks for numpy\.\S*_reconstruct"),
        (Calls(eval, "1"), r"asks for (__builtin__|builtins)\.eval"),
        (OrderedDict({"w": 1}), "has no table of tensors|calls something that makes no tensor"),
        ({"w": 1}, "has no table of tensors"),
        ({"w": 1.5}, "the pickle instruction BINFLOAT"),
        ({1: 2}, "a key that is no text"),
        ([1, 2], "is damaged"),
        (None, "is damaged"),
    ],
)
def test_another_value_than_a_table_of_tensors_is_refused(value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_tensors(with_table(pickle.dumps(value, 2)))


@pytest.mark.parametrize(
    ("pickled", "reason"),
    [
        (b"\x80\x02iposix\nsystem\n.", "the pickle instruction INST"),
        (b"\x80\x02\x82\x01.", "the pickle instruction EXT1"),
        (b"\x80\x02cposix\nsystem\n)\x81.", r"asks for posix\.system"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "the pickle instruction NEWOBJ"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "calls something that makes no tensor"),
        (b"\x80\x02ccollections\nOrderedDict\n(J\x01\x00\x00\x00tR.", "calls something that makes no tensor"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "is damaged .*2147483647 bytes"),
        (b"\x80\x02(t" * 10 + b"0.", "the pickle instruction POP"),
        (b"\x80\x02u.", "is damaged"),
        (b"\x80\x02h\x07.", "is damaged"),
        (b"\x80\x02}(" + b"(" * 5000 + b"t" * 5000 + b"Nu.", "a key that is no text"),
        (b"\x80\x02(" + text("storage") + b"NNNNNtQ.", "no storage of its own"),
    ],
)
def test_instructions_that_no_table_needs_are_refused(pickled: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_tensors(with_table(pickled))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((5,), (1,), 0),
        ((4,), (1,), 1),
        ((4,), (2,), 0),
        ((2,), (1,), -1),
        ((2,), (-1,), 1),
        ((-1,), (1,), 0),
        ((2**30, 2**30), (0, 0), 0),
        ((2, 2), (1,), 0),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(shape: Any, strides: Any, offset: int) -> None:
    with pytest.raises(ValueError, match="the tensor w lies outside its storage"):
        read_tensors(one(tensor(storage("0", 4), shape, strides, offset)))


def test_lengths_of_storages_are_checked() -> None:
    with pytest.raises(ValueError, match="the storage 0 has 4 elements, the table says 1099511627776"):
        read_tensors(one(tensor(storage("0", 2**40), (4,), (1,))))
    whole = HEADER + table({"w": tensor(storage("0", 2**40), (4,), (1,))}) + pickle.dumps(["0"], 2)
    with pytest.raises(ValueError, match=r"is cut short: it ends at byte \d+, in the storage 0"):
        read_tensors(whole + struct.pack("<q", 2**40) + FOUR.tobytes())
    with pytest.raises(ValueError, match="is damaged"):
        read_tensors(one(tensor(storage("1", 4), (4,), (1,))))


def test_other_formats_are_named() -> None:
    with pytest.raises(ValueError, match=r"in PyTorch's zip format; only its format before 1\.6"):
        read_tensors(b"PK\x03\x04 cut short")
    for data in (b"", b"words", pickle.dumps(1, 2)):
        with pytest.raises(ValueError, match=r"none of PyTorch's|is damaged"):
            read_tensors(data)


# Of pickletools, where the damage has made an instruction of Python 1 that is refused as soon as it is parsed.
@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
def test_damage_anywhere_is_a_value_error() -> None:
    whole = torch_file(ARRAYS)
    for end in range(len(whole)):
        with pytest.raises(ValueError, match="the file"):
            read_tensors(whole[:end])
    rng = np.random.default_rng(0)
    for _ in range(2000):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        try:
            read_tensors(bytes(damaged))
        except ValueError as error:
            assert str(error)  # noqa: PT017 (values may be damaged unseen)
