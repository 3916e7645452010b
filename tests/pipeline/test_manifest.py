"""The record of a stage: written, read, damaged; and whether its outputs are still what it left."""

import os
from pathlib import Path

import pytest

from pulmo.pipeline.fingerprint import digest_output, stamp_of
from pulmo.pipeline.manifest import MANIFEST, Manifest, load_manifest


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output of a stage."""
    path = tmp_path / "table.parquet"
    path.write_bytes(b"rows")
    return path


@pytest.fixture
def manifest(output: Path) -> Manifest:
    """The record of the stage that has left the output."""
    return Manifest(
        stage="features",
        digest="d",
        seed=7,
        inputs={"train.csv": "i"},
        settings={"offset": 1},
        code="c",
        outputs={"table": digest_output(output)},
        stamps={"table": stamp_of(output)},
        notes=("one scan is left out",),
        seconds=1.5,
        data="data",
        trained_on="",
        finished="2030-01-01T00:00:00+00:00",
    )


def test_what_is_written_is_read(tmp_path: Path, manifest: Manifest) -> None:
    manifest.save(tmp_path)
    assert load_manifest(tmp_path) == manifest
    assert (tmp_path / MANIFEST).read_bytes().startswith(b'{\n  "stage": "features",\n')


def test_no_record_and_a_damaged_one(tmp_path: Path, manifest: Manifest) -> None:
    assert load_manifest(tmp_path) is None
    manifest.save(tmp_path)
    (tmp_path / MANIFEST).write_bytes((tmp_path / MANIFEST).read_bytes()[:-10])
    assert load_manifest(tmp_path) is None


def test_an_output_is_held_by_its_stamp_or_else_by_its_bytes(output: Path, manifest: Manifest) -> None:
    assert manifest.holds("table", output)
    os.utime(output, ns=(0, 0))  # as a copy has another time
    assert manifest.holds("table", output)
    output.write_bytes(b"rots")
    assert not manifest.holds("table", output)
    assert not manifest.holds("another", output)


def test_an_output_with_its_stamp_is_not_read_again(
    output: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> str:
        raise AssertionError(f"{path} is read")

    monkeypatch.setattr("pulmo.pipeline.manifest.digest_output", read)
    assert manifest.holds("table", output)
