"""Usual interstitial pneumonia in an ellipsoid lung: patchy, predominantly subpleural and basal."""

import numpy as np
from scipy.ndimage import map_coordinates

from pulmo.phantom.shapes import Ellipsoid

LATTICE = 32
PATCH_MM, RETICULE_MM = 22.0, 5.5
GROUND_GLASS_HU, HONEYCOMB_HU, WALL_HU = -640.0, -840.0, -330.0


class Fibrosis:
    """Fibrosis of one lung; the fraction `share` of its volume is affected, independent of the grid."""

    def __init__(self, lung: Ellipsoid, share: float, rng: np.random.Generator) -> None:
        self.lung = lung
        self._patches, self._mixture, self._reticules = rng.standard_normal((3, LATTICE, LATTICE, LATTICE))
        self._threshold = np.quantile(self._score(_inside(lung, rng)), 1 - share)

    def hu(self, points: np.ndarray) -> np.ndarray:
        """Hounsfield units at points of the lung, (n, 3) in mm → (n,)."""
        affected = np.clip(0.5 + (self._score(points) - self._threshold) / 0.12, 0, 1)
        hu = np.full(len(points), float(self.lung.hu))
        ill = np.flatnonzero(affected)
        hu[ill] += affected[ill] * (self._lesion(points[ill]) - self.lung.hu)
        return hu

    def _score(self, points: np.ndarray) -> np.ndarray:
        """Susceptibility of points: by depth under the pleura, height above the base, and a random field."""
        semi = np.asarray(self.lung.semi_axes_mm)
        depth_mm = (1 - self.lung.radius(points)) * np.prod(semi) ** (1 / 3)
        height = (points - np.asarray(self.lung.centre_mm)) @ np.asarray(self.lung.axes[2]) / semi[2]
        return np.asarray(np.exp(-depth_mm / 12) - 0.4 * height + 0.3 * _noise(self._patches, points / PATCH_MM))

    def _lesion(self, points: np.ndarray) -> np.ndarray:
        """Ground glass and honeycombing with reticulation, which is where a random field crosses zero."""
        honeycomb = np.clip(0.5 + _noise(self._mixture, points / PATCH_MM), 0, 1)
        net = np.exp(-((_noise(self._reticules, points / RETICULE_MM) / 0.22) ** 2))
        between = GROUND_GLASS_HU + honeycomb * (HONEYCOMB_HU - GROUND_GLASS_HU)
        return np.asarray(between + net * (0.5 + 0.5 * honeycomb) * (WALL_HU - between))


def _inside(lung: Ellipsoid, rng: np.random.Generator) -> np.ndarray:
    """Points uniformly distributed in the lung, (n, 3) in mm."""
    ball = rng.standard_normal((20_000, 3))
    ball *= (rng.random(len(ball)) ** (1 / 3) / np.linalg.norm(ball, axis=1))[:, None]
    return np.asarray((ball * lung.semi_axes_mm) @ np.asarray(lung.axes) + lung.centre_mm)


def _noise(lattice: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A smooth random field: the periodic lattice, interpolated at points; (n, 3) → (n,)."""
    return np.asarray(map_coordinates(lattice, points.T, order=1, mode="grid-wrap"))
