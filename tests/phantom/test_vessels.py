"""Trees of vessels fill the lung and thin out."""

import numpy as np
import pytest

from pulmo.phantom.thorax import Thorax
from pulmo.phantom.vessels import ENDS, Tree, tree


@pytest.fixture(scope="module")
def right() -> Tree:
    thorax = Thorax()
    return tree(thorax.hila[0], thorax.lungs[0], np.random.default_rng(0))


def test_every_branch_starts_where_another_ends(right: Tree) -> None:
    assert right.paths_mm.shape == (ENDS, 5, 2)
    hilum = Thorax().hila[0]
    starts, ends = right.paths_mm[:, 0], right.paths_mm[:, -1]
    nearest = np.linalg.norm(starts[:, None] - np.concatenate([ends, hilum[None]]), axis=2).min(axis=1)
    assert nearest.max() < 1e-9


def test_radii_obey_murrays_law(right: Tree) -> None:
    """At each fork r^2.2 is the sum over the branches."""
    starts, ends = right.paths_mm[:, 0], right.paths_mm[:, -1]
    flow = right.radii_mm**2.2
    for end, carried in zip(ends, flow, strict=True):
        children = np.linalg.norm(starts - end, axis=1) < 1e-9
        if children.any():
            assert flow[children].sum() == pytest.approx(carried)


def test_vessels_taper_outwards(right: Tree) -> None:
    assert (np.diff(right.radii_mm) >= 0).all()
    distance = np.linalg.norm(right.paths_mm[:, -1] - Thorax().hila[0], axis=1)
    assert right.radii_mm[distance < 30].mean() > 1.5 * right.radii_mm[distance > 90].mean()


def test_vessels_reach_apex_flank_and_base(right: Tree) -> None:
    ends, lung = right.paths_mm[:, -1], Thorax().lungs[0]
    assert ends[:, 1].min() < lung[:, 1].min() + 25
    assert ends[:, 0].min() < lung[:, 0].min() + 15
    assert ends[:, 1].max() > 80
