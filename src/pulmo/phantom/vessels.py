"""The vessels of a lung: a tree of short paths from the hilum to points of the whole lung."""

from typing import NamedTuple

import numpy as np

from pulmo.phantom.canvas import resampled_path

ENDS = 170
_LEAF_MM, _MURRAY = 0.6, 2.2
"""Radius of terminal branches; at a fork, radius^2.2 is the sum over the branches (Murray's law has 3)."""
_PATH_WEIGHT = 0.62
_EXTENT = 0.97


class Tree(NamedTuple):
    """Branches from the thinnest to the thickest: `paths_mm` (branches, points, 2) and `radii_mm` (branches,)."""

    paths_mm: np.ndarray
    radii_mm: np.ndarray


def tree(hilum_mm: np.ndarray, outline_mm: np.ndarray, rng: np.random.Generator) -> Tree:
    """The vessels of a lung, `outline_mm` (points, 2), star-shaped around its hilum (2,).

    Points of the lung join the tree in order of their distance from the hilum, each at the node that minimizes the
    length of the new branch plus 0.62 of the path from there to the hilum.
    """
    wall = resampled_path(outline_mm, 4 * ENDS)[rng.integers(4 * ENDS, size=ENDS)]
    ends = hilum_mm + _EXTENT * rng.uniform(0.03, 1, (ENDS, 1)) ** 0.6 * (wall - hilum_mm)
    ends = ends[np.argsort(np.linalg.norm(ends - hilum_mm, axis=1))]
    nodes = np.concatenate([hilum_mm[None], ends])
    gaps = np.linalg.norm(nodes[:, None] - nodes, axis=2)
    path_mm = np.zeros(len(nodes))
    parents = np.zeros(len(nodes), int)
    for index in range(1, len(nodes)):
        parents[index] = parent = int(np.argmin(gaps[index, :index] + _PATH_WEIGHT * path_mm[:index]))
        path_mm[index] = path_mm[parent] + gaps[index, parent]
    radii = _radii(parents)[1:]
    order = np.argsort(radii, kind="stable")
    paths = _curved(nodes[parents[1:]], nodes[1:], rng.normal(0, 0.09, len(radii)))
    return Tree(paths[order], radii[order])


def _radii(parents: np.ndarray) -> np.ndarray:
    """Radius of the branch that leads to each node, in mm; children follow their parents."""
    flow = np.zeros(len(parents))
    for index in range(len(parents) - 1, 0, -1):
        flow[index] = flow[index] or _LEAF_MM**_MURRAY
        flow[parents[index]] += flow[index]
    return np.asarray(flow ** (1 / _MURRAY))


def _curved(starts: np.ndarray, ends: np.ndarray, bends: np.ndarray) -> np.ndarray:
    """Slightly curved paths from starts to ends, (branches, 2) each: (branches, 5, 2)."""
    along = np.linspace(0, 1, 5)[:, None]
    straight = (ends - starts)[:, None]
    across = straight[..., ::-1] * (-1, 1)
    return np.asarray(starts[:, None] + along * straight + 4 * bends[:, None, None] * along * (1 - along) * across)
