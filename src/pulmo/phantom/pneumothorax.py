"""A pneumothorax: the lung is retracted towards its hilum, and the visceral pleura is a fine line."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pulmo.phantom.canvas import Canvas, resampled_path
from pulmo.phantom.radiograph import LUNG_DENSITY, Layers
from pulmo.phantom.thorax import LEFT, RIGHT, Thorax

_LINE_WIDTH_MM, _LINE_MM = 1.1, 22.0
_MIN_RETRACTION = 0.012
_WALL_POINTS = 400


@dataclass(frozen=True)
class Pneumothorax:
    """A pneumothorax of one side: the lung is retracted by the fraction `share` of the distance from hilum to wall.

    It is widest at the angle `middle`, in radians from straight up (0) over the flank (π/2) to the diaphragm; beyond
    `spread` of it the lung touches the wall. `lucency` is the fraction of the lung missing along a ray through the
    pneumothorax: less than 1, as lung remains in front and behind.
    """

    thorax: Thorax
    side: int
    share: float
    middle: float
    spread: float
    lucency: float

    @cached_property
    def _wall_and_lung(self) -> tuple[np.ndarray, np.ndarray]:
        """Chest wall and pleural line along the pneumothorax, each (points, 2), from the apex."""
        index = 0 if self.side == RIGHT else 1
        hilum, wall = self.thorax.hila[index], resampled_path(self.thorax.lungs[index], _WALL_POINTS)
        ray = wall - hilum
        angle = np.arctan2(self.side * ray[:, 0], -ray[:, 1])
        retraction = self.share * np.exp(-(((angle - self.middle) / self.spread) ** 4)) - _MIN_RETRACTION
        beside = np.flatnonzero(retraction > 0)
        beside = beside[np.argsort(angle[beside])]
        return wall[beside], hilum + (1 - retraction[beside, None]) * ray[beside]

    @property
    def outline(self) -> np.ndarray:
        """The outline of the pneumothorax, (points, 2) in mm."""
        wall, lung = self._wall_and_lung
        return np.concatenate([wall, lung[::-1]])

    def mask(self, canvas: Canvas) -> np.ndarray:
        """The true mask: 1 in the pneumothorax beside the heart and the great vessels, uint8 (pixels, pixels)."""
        mask = canvas.filled(self.outline)
        mask[canvas.filled(self.thorax.mediastinum) > 0] = 0
        return mask

    def __call__(self, layers: Layers) -> None:
        """Draw it."""
        canvas = layers.canvas
        depth_mm = canvas.filled(self.outline) * layers.lung_depth_mm
        layers.tissue_mm -= np.float32(self.lucency * LUNG_DENSITY) * depth_mm
        layers.aerated[depth_mm > 0] = 0
        pleura = canvas.layer()
        canvas.stroke(pleura, [self._wall_and_lung[1]], _LINE_WIDTH_MM, 255)
        layers.tissue_mm += pleura * np.float32(_LINE_MM / 255) * (layers.lung_depth_mm > 0)


def random_pneumothorax(thorax: Thorax, rng: np.random.Generator) -> Pneumothorax:
    """At the apex, along the flank or around the lung; from a few millimetres to half of the lung."""
    kind = rng.choice(3, p=(0.5, 0.25, 0.25))
    middle, spread, share = ((0.25, 1.0, 0.25), (1.25, 1.0, 0.2), (0.65, 1.4, 0.3))[kind]
    return Pneumothorax(
        thorax,
        side=int(rng.choice([RIGHT, LEFT])),
        share=float(np.clip(share * rng.lognormal(0, 0.45), 0.08, 0.5)),
        middle=middle + float(rng.normal(0, 0.12)),
        spread=spread * float(rng.uniform(0.8, 1.2)),
        lucency=float(rng.uniform(0.4, 0.95)),
    )
