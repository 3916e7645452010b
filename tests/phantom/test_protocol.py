"""Random protocols cover the lungs, differ, and are determined by the seed."""

from pathlib import Path

import numpy as np
import pydicom

from pulmo.phantom.chest import chest
from pulmo.phantom.draw import lung_labels
from pulmo.phantom.protocol import random_protocol, scan


def test_every_protocol_covers_the_lungs() -> None:
    for seed, body in enumerate((chest(), chest(1.0, 1.2, size=0.8), chest(3.0, 3.2, size=1.1))):
        for lot in range(6):
            grid = random_protocol(body, np.random.default_rng([seed, lot])).grid
            labels = lung_labels(body, grid)
            assert 12 <= len(labels) <= 80
            edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
            assert not any(edge.any() for edge in edges)
            litres = (labels > 0).sum() * abs(grid.slice_mm[1] - grid.slice_mm[0]) * grid.pixel_mm[0] ** 2 / 1e6
            assert abs(litres / body.lung_litres - 1) < 0.02


def test_protocols_differ() -> None:
    protocols = [random_protocol(chest(), np.random.default_rng(seed)) for seed in range(60)]
    spacings = {abs(p.grid.slice_mm[1] - p.grid.slice_mm[0]) for p in protocols}
    assert len(spacings) >= 5
    assert {p.encoding.intercept for p in protocols} == {0, -1000, -1024}
    assert {p.encoding.signed for p in protocols} == {True, False}
    assert {p.encoding.padding for p in protocols} == {None, -2000}
    assert {np.sign(p.grid.slice_mm[0]) for p in protocols} == {-1, 1}
    assert any(p.grid.shape[0] != p.grid.shape[1] for p in protocols)


def test_the_seed_determines_the_files(tmp_path: Path) -> None:
    body = chest()
    first, second, other = (scan(tmp_path / str(i), "ID1", body, seed) for i, seed in enumerate((6, 6, 7)))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert first[0].read_bytes() != other[0].read_bytes()
    assert pydicom.dcmread(first[0]).PatientName == "ID1"
