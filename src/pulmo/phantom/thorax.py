"""Projected anatomy of a chest: outlines and lines in mm, x to the patient's left, y down, the origin mid-chest."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from pulmo.phantom.canvas import curve

RIGHT, LEFT = -1, 1
SIDES = (RIGHT, LEFT)
"""Signs of x; the patient's right is on the left of the image, and comes first in all pairs."""

# Half the inner width of an average man's rib cage at these heights.
_CAGE_Y = np.array([-138.0, -126.0, -105.0, -65.0, -15.0, 40.0, 95.0, 140.0, 230.0])
_CAGE_X = np.array([30.0, 58.0, 85.0, 111.0, 126.0, 133.0, 136.0, 137.0, 136.0])
_RIBS = 12
_RIB_STEP_MM, _FIRST_RIB_Y = 23.5, -137.0


@dataclass(frozen=True)
class Thorax:
    """One patient's proportions.

    `width` and `height` scale the chest, `inspiration` (about 0…1) lowers the diaphragm, `heart` scales the heart,
    `dome_mm` is the height of the right dome above the left, `tilt` makes the ribs steeper, and `gastric_bubble_mm` is
    the half width of the stomach's gas. On an AP image the shoulder blades cover the lungs.
    """

    male: bool = True
    view: Literal["PA", "AP"] = "PA"
    width: float = 1.0
    height: float = 1.0
    inspiration: float = 0.7
    heart: float = 1.0
    dome_mm: float = 12.0
    tilt: float = 0.0
    gastric_bubble_mm: float = 20.0

    @property
    def stretch(self) -> np.ndarray:
        """Factors for (x, y)."""
        return np.array([self.width, self.height])

    @cached_property
    def lungs(self) -> tuple[np.ndarray, np.ndarray]:
        """Outlines of the right and left lung, (points, 2) from the apex down the chest wall, behind the heart too."""
        return self._lung(RIGHT), self._lung(LEFT)

    @property
    def hila(self) -> tuple[np.ndarray, np.ndarray]:
        """Hila of the right and left lung, (2,); the left is a little higher."""
        return np.array([-34.0, -8.0]) * self.stretch, np.array([37.0, -18.0]) * self.stretch

    @cached_property
    def mediastinum(self) -> np.ndarray:
        """The outline of the heart and the great vessels, (points, 2)."""
        above = [(-24, -190), (-25, -130), (-24, -95), (-27, -50), (-29, -20)]
        right_atrium = [(-36, 10), (-47, 45), (-46, 78), (-36, 104), (-30, 150)]
        left_ventricle = [(40, 150), (66, 116), (83, 104), (87, 88), (78, 60), (60, 25), (44, 0)]
        aorta = [(35, -18), (30, -30), (37, -44), (37, -58), (27, -68), (22, -95), (25, -130), (24, -190)]
        outline = np.array(above + right_atrium + left_ventricle + aorta, float)
        below = outline[:, 1] > -25
        outline[below, 0] *= self.heart
        outline[below, 1] += self._diaphragm_shift_mm * np.clip((outline[below, 1] + 25) / 120, 0, 1)
        return curve(outline * self.stretch)

    @cached_property
    def body(self) -> np.ndarray:
        """The outline of neck, shoulders and trunk, (points, 2)."""
        fat = 1.0 if self.male else 0.97
        right = [
            (-48, -260),
            (-52, -190),
            (-80, -165),
            (-135, -152),
            (-190, -125),
            (-240, -50),
            (-275, 120),
            (-285, 330),
        ]
        side = [(-240, 330), (-222, 110), (-200, 5), (-176, -28), (-166, 10), (-165, 100), (-170, 200), (-172, 330)]
        half = np.array(right + side, float) * (fat, 1)
        return curve(np.concatenate([half, half[::-1] * (-1, 1)]) * self.stretch)

    @cached_property
    def breasts(self) -> tuple[np.ndarray, ...]:
        """Centres of the breasts, (2,) each; none for men."""
        if self.male:
            return ()
        return tuple(np.array([side * 82.0, 88.0]) * self.stretch for side in SIDES)

    @property
    def stomach(self) -> np.ndarray:
        """The centre of the gas in the stomach, (2,)."""
        return np.asarray(np.array([56.0, 122.0 + self._diaphragm_shift_mm + self.dome_mm]) * self.stretch)

    def ribs(self, side: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Paths (points, 2) of a side's ribs: posterior, from the spine to the flank, and anterior, from there on."""
        posterior, anterior = [], []
        for number in range(_RIBS):
            top = _FIRST_RIB_Y + _RIB_STEP_MM * number
            fall = min(48.0 + 16.0 * number, 112.0) * (1 + 0.25 * self.tilt)
            end = (0.80, 0.72, 0.62, 0.52, 0.42, 0.34)[max(0, number - 6)]
            angle = np.linspace(0.03, end, 26) * np.pi
            y = top + fall * (1 - np.cos(angle)) / 2 - 9.0 * np.sin(angle) ** 2
            wall = np.interp(y, _CAGE_Y, _CAGE_X)
            x = side * (13.0 + (wall + 3.0 - 13.0) * np.sin(angle))
            path = np.stack([x, y], axis=1) * self.stretch
            flank = int(np.searchsorted(angle, 0.5 * np.pi))
            posterior.append(path[: flank + 1])
            anterior.append(path[flank:])
        return posterior, anterior

    def clavicle(self, side: int) -> np.ndarray:
        """The path of a clavicle, (points, 2), from the sternum to the shoulder."""
        high = -8.0 if self.view == "AP" else 0.0
        corners = [(14, -92), (40, -104), (75, -112), (110, -128), (150, -139), (172, -137)]
        return curve((np.array(corners, float) * (side, 1) + np.array([0, high])) * self.stretch, closed=False)

    def shoulder_blade(self, side: int) -> np.ndarray:
        """The outline of a shoulder blade, (points, 2); over the lung's flank on an AP image."""
        outwards = 2.0 if self.view == "AP" else 22.0
        corners = [
            (104, -88),
            (118, -112),
            (150, -122),
            (158, -100),
            (146, -60),
            (131, -5),
            (122, 28),
            (114, 8),
            (106, -40),
        ]
        return curve((np.array(corners, float) + np.array([outwards, 0])) * (side, 1) * self.stretch)

    @property
    def _diaphragm_shift_mm(self) -> float:
        """How far inspiration lowers the diaphragm."""
        return 38.0 * (self.inspiration - 0.7)

    def _lung(self, side: int) -> np.ndarray:
        fall = self._diaphragm_shift_mm
        base = 100.0 + fall + (0.0 if side == RIGHT else self.dome_mm)
        angle = 138.0 + fall
        heights = np.array([-126.0, -105.0, -65.0, -15.0, 40.0, 85.0])
        wall = [(float(np.interp(y, _CAGE_Y, _CAGE_X)) - 3, y) for y in heights]
        flank = float(np.interp(angle, _CAGE_Y, _CAGE_X)) - 3
        corner = [(flank, angle - 18), (flank + 1, angle), (flank - 2, angle)]
        dome = [(118, base + 16), (92, base - 1), (66, base - 6), (38, base), (16, base + 12), (11, base + 14)]
        middle = [(12, 60), (12, 0), (14, -60), (15, -105), (24, -128), (38, -134)]
        return curve(np.array(wall + corner + dome + middle) * (side, 1) * self.stretch)
