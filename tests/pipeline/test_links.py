"""A second name for a file, or a copy where there can be none."""

import errno
import os
from pathlib import Path

import pytest

from pulmo.pipeline.links import link_or_copy


def test_a_second_name(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"pixels")
    link_or_copy(tmp_path / "large", tmp_path / "again")
    assert (tmp_path / "again").samefile(tmp_path / "large")


def test_a_copy_where_the_disk_allows_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    (tmp_path / "large").write_bytes(b"pixels")
    os.utime(tmp_path / "large", (1_000, 2_000))
    link_or_copy(tmp_path / "large", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"pixels"
    assert (tmp_path / "again").stat().st_mtime == 2_000  # times are part of what a data folder is known by
    assert not (tmp_path / "again").samefile(tmp_path / "large")
