"""Air between lung and chest wall: the lung falls back towards its hilum, and its pleura shows as a fine line."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pulmo.phantom.canvas import Canvas, evenly
from pulmo.phantom.radiograph import LUNG_DENSITY, Scene
from pulmo.phantom.thorax import LEFT, RIGHT, Thorax

_LINE_WIDTH_MM, _LINE_MM = 1.1, 22.0
_LEAST = 0.012
_WALL_POINTS = 400


@dataclass(frozen=True)
class Pneumothorax:
    """Of one side: the lung has lost `share` of its way from the hilum to the wall, most at the angle `middle`.

    Angles in radians from straight up (0) over the flank (π/2) to the diaphragm; beyond `spread` of the middle the
    lung still touches the wall. `lucency` is how much of the lung on a ray is missing where air is: less than 1 as
    lung lies before and behind.
    """

    thorax: Thorax
    side: int
    share: float
    middle: float
    spread: float
    lucency: float

    @cached_property
    def _wall_and_lung(self) -> tuple[np.ndarray, np.ndarray]:
        """Chest wall and pleural line beside the air, each (points, 2), from above on."""
        index = 0 if self.side == RIGHT else 1
        hilum, wall = self.thorax.hila[index], evenly(self.thorax.lungs[index], _WALL_POINTS)
        way = wall - hilum
        angle = np.arctan2(self.side * way[:, 0], -way[:, 1])
        lost = self.share * np.exp(-(((angle - self.middle) / self.spread) ** 4)) - _LEAST
        beside = np.flatnonzero(lost > 0)
        beside = beside[np.argsort(angle[beside])]
        return wall[beside], hilum + (1 - lost[beside, None]) * way[beside]

    @property
    def outline(self) -> np.ndarray:
        """Around the air, (points, 2) in mm."""
        wall, lung = self._wall_and_lung
        return np.concatenate([wall, lung[::-1]])

    def mask(self, canvas: Canvas) -> np.ndarray:
        """The truth: 1 where air is seen beside the heart and the great vessels, uint8 (pixels, pixels)."""
        seen = canvas.filled(self.outline)
        seen[canvas.filled(self.thorax.mediastinum) > 0] = 0
        return seen

    def __call__(self, scene: Scene) -> None:
        """Draw it."""
        canvas = scene.canvas
        air = canvas.filled(self.outline) * scene.air_mm
        scene.tissue_mm -= np.float32(self.lucency * LUNG_DENSITY) * air
        scene.aerated[air > 0] = 0
        pleura = canvas.layer()
        canvas.stroke(pleura, [self._wall_and_lung[1]], _LINE_WIDTH_MM, 255)
        scene.tissue_mm += pleura * np.float32(_LINE_MM / 255) * (scene.air_mm > 0)


def random_pneumothorax(thorax: Thorax, rng: np.random.Generator) -> Pneumothorax:
    """At the apex, along the flank or all around; from a few millimetres to half of the lung."""
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
