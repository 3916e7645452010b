"""The vessels of a lung: a tree from the hilum that serves the whole lung on short ways, thick where many ways meet."""

from typing import NamedTuple

import numpy as np

from pulmo.phantom.canvas import evenly

ENDS = 170
_LEAF_MM, _MURRAY = 0.6, 2.2
"""Radius of the last twigs; and at a fork, radius^2.2 is the sum of the branches' (Murray's law has 3)."""
_DETOUR = 0.62
_REACH = 0.97


class Tree(NamedTuple):
    """Branches from the thinnest to the thickest: `paths_mm` (branches, points, 2) and `radii_mm` (branches,)."""

    paths_mm: np.ndarray
    radii_mm: np.ndarray


def tree(hilum_mm: np.ndarray, outline_mm: np.ndarray, rng: np.random.Generator) -> Tree:
    """The vessels of a lung, `outline_mm` (points, 2), of which its hilum (2,) sees every point.

    Points all over the lung join the tree from the nearest on, each where the new piece and the way back to the hilum
    are shortest together.
    """
    wall = evenly(outline_mm, 4 * ENDS)[rng.integers(4 * ENDS, size=ENDS)]
    ends = hilum_mm + _REACH * rng.uniform(0.03, 1, (ENDS, 1)) ** 0.6 * (wall - hilum_mm)
    ends = ends[np.argsort(np.linalg.norm(ends - hilum_mm, axis=1))]
    nodes = np.concatenate([hilum_mm[None], ends])
    gaps = np.linalg.norm(nodes[:, None] - nodes, axis=2)
    way = np.zeros(len(nodes))
    parents = np.zeros(len(nodes), int)
    for index in range(1, len(nodes)):
        parents[index] = parent = int(np.argmin(gaps[index, :index] + _DETOUR * way[:index]))
        way[index] = way[parent] + gaps[index, parent]
    radii = _radii(parents)[1:]
    order = np.argsort(radii, kind="stable")
    paths = _bent(nodes[parents[1:]], nodes[1:], rng.normal(0, 0.09, len(radii)))
    return Tree(paths[order], radii[order])


def _radii(parents: np.ndarray) -> np.ndarray:
    """Of the piece that leads to each node, in mm; a child always comes after its parent."""
    flow = np.zeros(len(parents))
    for index in range(len(parents) - 1, 0, -1):
        flow[index] = flow[index] or _LEAF_MM**_MURRAY
        flow[parents[index]] += flow[index]
    return np.asarray(flow ** (1 / _MURRAY))


def _bent(starts: np.ndarray, ends: np.ndarray, bends: np.ndarray) -> np.ndarray:
    """Shallow bows from starts to ends, (branches, 2) each: (branches, 5, 2)."""
    along = np.linspace(0, 1, 5)[:, None]
    straight = (ends - starts)[:, None]
    across = straight[..., ::-1] * (-1, 1)
    return np.asarray(starts[:, None] + along * straight + 4 * bends[:, None, None] * along * (1 - along) * across)
