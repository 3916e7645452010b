"""Random patients, positioning and exposure of X-rays."""

from typing import Literal, NamedTuple

import numpy as np

from pulmo.phantom.canvas import Canvas
from pulmo.phantom.thorax import Thorax

_FIELD_MM = 372.0
_BELOW_MM = 8.0  # the image's centre below mid-chest
_AP_SHARE, _MALE_SHARE = 0.4, 0.56  # as in the competitions' files


class Exposure(NamedTuple):
    """Exposure of an X-ray: the tissue depth of middle grey, contrast, fog by scattered rays, and grain (noise).

    The patient is rotated by `degrees`, magnified by `zoom`, and off centre by `shift_mm` (x, y).
    """

    middle_mm: float = 112.0
    contrast: float = 1.0
    fog: float = 0.2
    grain: float = 1.0
    degrees: float = 0.0
    zoom: float = 1.0
    shift_mm: tuple[float, float] = (0.0, 0.0)

    def canvas(self, pixels: int) -> Canvas:
        """The canvas of an image of this size."""
        x, y = self.shift_mm
        return Canvas(pixels, _FIELD_MM / self.zoom, (x, y + _BELOW_MM), self.degrees)


def random_thorax(rng: np.random.Generator) -> Thorax:
    """A random patient; AP images are of the severely ill, with less inspiration and a magnified heart."""
    male = bool(rng.random() < _MALE_SHARE)
    view: Literal["PA", "AP"] = "AP" if rng.random() < _AP_SHARE else "PA"
    size = 1.0 if male else 0.92
    ill = view == "AP"
    return Thorax(
        male=male,
        view=view,
        width=size * float(np.clip(rng.normal(1.0, 0.05), 0.86, 1.12)),
        height=size * float(np.clip(rng.normal(1.0, 0.06), 0.84, 1.14)),
        inspiration=float(np.clip(rng.normal(0.4 if ill else 0.75, 0.2), 0.0, 1.1)),
        heart=float(np.clip(rng.normal(1.1 if ill else 0.98, 0.07), 0.8, 1.2)),
        dome_mm=float(np.clip(rng.normal(12, 5), -2, 24)),
        tilt=float(rng.normal(0.3 if ill else 0.0, 0.35)),
        gastric_bubble_mm=float(np.clip(rng.normal(16, 10), 0, 40)),
    )


def random_exposure(thorax: Thorax, rng: np.random.Generator) -> Exposure:
    """A random exposure; bedside images (AP) have worse contrast, noise and positioning."""
    ill = thorax.view == "AP"
    return Exposure(
        middle_mm=float(rng.normal(110, 9)),
        contrast=float(np.clip(rng.normal(0.95 if ill else 1.08, 0.1), 0.7, 1.4)),
        fog=float(rng.uniform(0.15, 0.35) + (0.1 if ill else 0.0)),
        grain=float(rng.lognormal(0.3 if ill else 0.0, 0.35)),
        degrees=float(rng.normal(0, 4.0 if ill else 1.6)),
        zoom=float(np.clip(rng.normal(0.95 if ill else 1.02, 0.05), 0.82, 1.14)),
        shift_mm=(float(rng.normal(0, 9)), float(rng.normal(0, 9))),
    )
