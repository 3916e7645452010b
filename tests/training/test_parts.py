"""Rows in parts, and memory given back."""

import sys
from pathlib import Path

import numpy as np
import pytest

from pulmo.training.parts import in_parts, release

MIB = 2**20


@pytest.mark.parametrize(
    ("rows", "row_bytes", "sizes"),
    [
        (300, 2**18, [256, 44]),  # 64 MiB
        (256, 2**18, [256]),
        (130, 2**24, [64, 64, 2]),  # never fewer than 64 but the last
        (1000, 4, [1000]),
        (0, 4, [0]),
    ],
)
def test_parts_are_of_64_mib_and_of_a_multiple_of_64_rows(rows: int, row_bytes: int, sizes: list[int]) -> None:
    arrays: dict[str, np.ndarray] = {
        "image": np.broadcast_to(np.uint8(0), (9, row_bytes // 4, 2)),
        "numbers": np.empty((9, row_bytes // 4, 1), np.uint16),
    }
    numbers = np.arange(rows)[::-1]
    found = in_parts(numbers, arrays)
    assert [len(part) for part in found] == sizes
    np.testing.assert_array_equal(np.concatenate(found), numbers)


def mapped_bytes(path: Path) -> int:
    """What of a file is in this process's memory."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if line.endswith(str(path))]
    return sum(
        int(next(line for line in lines[start:] if line.startswith("Rss:")).split()[1]) * 1024 for start in starts
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_pages_of_a_file_are_given_back_and_read_again(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.ones((16, MIB), np.uint8))
    array = np.load(tmp_path / "images.npy", mmap_mode="r+")
    view = array[2:, ::2]
    view[0, 0] = 7
    assert int(view.sum()) == 14 * MIB // 2 + 6
    assert mapped_bytes(tmp_path / "images.npy") >= 14 * MIB
    release({"image": view, "numbers": np.zeros(3)})
    assert mapped_bytes(tmp_path / "images.npy") < MIB
    assert int(view.sum()) == 14 * MIB // 2 + 6  # what was written is in the file
