"""Distractors in X-rays: tubes and wires, skin folds, and findings other than the target of a competition."""

from dataclasses import dataclass

import cv2
import numpy as np

from pulmo.phantom.canvas import curve
from pulmo.phantom.radiograph import LUNG_DENSITY, Finding, Layers
from pulmo.phantom.thorax import LEFT, RIGHT, SIDES, Thorax

_WIRE_MM, _TUBE_MM, _MARKER_MM = 16.0, 20.0, 255.0


@dataclass(frozen=True, eq=False)
class Tube:
    """Along `path_mm` (points, 2): a catheter, a chest drain (both with a dense stripe), or an ECG lead."""

    path_mm: np.ndarray
    width_mm: float
    hollow: bool = True

    def __call__(self, layers: Layers) -> None:
        """Draw it."""
        layer = layers.canvas.layer()
        layers.canvas.stroke(layer, [self.path_mm], self.width_mm, 255)
        if self.hollow:
            layers.canvas.stroke(layer, [self.path_mm], self.width_mm * 0.55, 110)
        layers.tissue_mm += layer * np.float32((_TUBE_MM if self.hollow else _WIRE_MM) / 255)


@dataclass(frozen=True)
class Opacity:
    """A smooth ellipsoid of tissue, or of air if the third semi-axis is negative: a nodule, an electrode, a bulla.

    `hides` is the fraction of the lung's texture that it hides.
    """

    centre_mm: tuple[float, float]
    semi_axes_mm: tuple[float, float, float]
    power: float = 0.5
    hides: float = 0.0

    def __call__(self, layers: Layers) -> None:
        """Draw it."""
        centre, (a, b, c) = np.asarray(self.centre_mm), self.semi_axes_mm
        layers.canvas.add_ellipsoid(layers.tissue_mm, centre, (a, b, c), self.power)
        if self.hides:
            layers.canvas.add_ellipsoid(layers.aerated, centre, (a, b, -self.hides / 2), self.power)
            np.maximum(layers.aerated, 0, out=layers.aerated)


@dataclass(frozen=True, eq=False)
class SkinFold:
    """A fold of skin along `path_mm` (points, 2): density rises across it to a sharp edge, lung on either side."""

    path_mm: np.ndarray
    side: int
    peak_mm: float = 11.0

    def __call__(self, layers: Layers) -> None:
        """Draw it as nested bands of increasing density with a common outer edge."""
        outer = self.path_mm
        fold = np.zeros_like(layers.tissue_mm)
        for width in (22.0, 17.0, 12.0, 8.0, 4.0):
            inner = outer - np.array([self.side * width, 0.0])
            fold += layers.canvas.filled(np.concatenate([outer, inner[::-1]]))
        layers.tissue_mm += fold * np.float32(self.peak_mm / 5)


@dataclass(frozen=True)
class Effusion:
    """A pleural effusion of one side, up to `level_mm` above the costophrenic angle."""

    thorax: Thorax
    side: int
    level_mm: float

    def __call__(self, layers: Layers) -> None:
        """Draw it, with a meniscus rising along the flank."""
        lung = self.thorax.lungs[0 if self.side == RIGHT else 1]
        flank, bottom = float(np.abs(lung[:, 0]).max()), float(lung[:, 1].max())
        x, y = layers.canvas.points_mm
        inwards = np.clip((np.float32(flank) - np.float32(self.side) * x) / np.float32(0.8 * flank), 0, 1)
        surface = np.float32(bottom) - np.float32(self.level_mm) * (1 - inwards) ** 2
        depth = np.clip((y - surface) / np.float32(14), 0, 1) * (np.float32(self.side) * x > 0)
        layers.tissue_mm += np.float32(0.9 * (1 - LUNG_DENSITY)) * depth * layers.lung_depth_mm
        layers.aerated *= 1 - depth


@dataclass(frozen=True)
class Marker:
    """The side marker, a lead letter L or R, at the fraction `down` (0…1) of the image's height."""

    letter: str
    down: float

    def __call__(self, layers: Layers) -> None:
        """Draw it."""
        pixels = layers.canvas.pixels
        place = (round(pixels * (0.93 if self.letter == "L" else 0.03)), round(pixels * self.down))
        layer = layers.canvas.layer()
        thick = max(1, round(pixels / 200))
        cv2.putText(layer, self.letter, place, cv2.FONT_HERSHEY_SIMPLEX, pixels / 600, 255, thick, cv2.LINE_AA)
        layers.tissue_mm += layer * np.float32(_MARKER_MM / 255)


def marker(rng: np.random.Generator) -> tuple[Finding, ...]:
    """A side marker, mostly L; on some images none."""
    letter = str(rng.choice(["L", "R", ""], p=(0.65, 0.25, 0.1)))
    return (Marker(letter, float(rng.uniform(0.06, 0.2))),) if letter else ()


def leads(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Two or three ECG leads, each from its electrode to the image's edge."""
    found: list[Finding] = []
    for side in rng.choice(SIDES, int(rng.integers(2, 4))).tolist():
        start = np.array([side * rng.uniform(45, 115), rng.uniform(-95, 100)]) * thorax.stretch
        end = np.array([side * rng.uniform(90, 190), 240.0])
        bow = (start + end) / 2 + rng.normal(0, 30, 2)
        found.append(Tube(curve(np.stack([start, bow, end]), closed=False), 1.2, hollow=False))
        found.append(Opacity((float(start[0]), float(start[1])), (5.5, 5.5, 9.0)))
    return tuple(found)


def catheter(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """A central venous catheter from the neck or below the clavicle to the superior vena cava."""
    neck = [(-55, -190), (-38, -130), (-26, -90), (-21, -40), (-24, rng.uniform(-25, 15))]
    collar = [(-150, -118), (-80, -112), (-40, -98), (-24, -70), (-21, -40), (-24, rng.uniform(-25, 15))]
    corners = neck if rng.random() < 0.5 else collar
    return (Tube(curve(np.array(corners, float) * thorax.stretch, closed=False), 2.4),)


def drain(thorax: Thorax, side: int, rng: np.random.Generator) -> tuple[Finding, ...]:
    """A chest drain from the flank up to the apex."""
    corners = np.array([(190, 95), (140, 70), (112, 20), (95, -40), (62, rng.uniform(-112, -70))], float)
    return (Tube(curve(corners * (side, 1) * thorax.stretch, closed=False), 6.0),)


def pacemaker(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """A pacemaker below the left clavicle, with its lead to the heart's apex."""
    place = np.array([95 + rng.normal(0, 6), -72 + rng.normal(0, 5)]) * thorax.stretch
    corners = np.array([(88, -88), (60, -104), (20, -96), (-20, -60), (-24, 0), (0, 60), (48, 88)], float)
    box = Opacity((float(place[0]), float(place[1])), (25.0, 20.0, 60.0), power=0.15)
    return box, Tube(curve(corners * thorax.stretch, closed=False), 2.0, hollow=False)


def nodules(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """One to three round nodules of 9 to 22 mm."""
    found: list[Finding] = []
    for _ in range(int(rng.integers(1, 4))):
        index, radius = int(rng.integers(2)), float(rng.uniform(4.5, 11))
        x, y = (thorax.hila[index] + np.array([SIDES[index] * rng.uniform(15, 70), rng.uniform(-70, 90)])).tolist()
        found.append(Opacity((x, y), (radius, radius * float(rng.uniform(0.85, 1.15)), radius)))
    return tuple(found)


def atelectasis(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Plate atelectasis above the diaphragm: one to three flat bands."""
    found: list[Finding] = []
    for _ in range(int(rng.integers(1, 4))):
        side = int(rng.choice(SIDES))
        start = np.array([side * rng.uniform(45, 70), rng.uniform(50, 92)])
        end = start + np.array([side * rng.uniform(25, 50), rng.normal(0, 10)])
        found.append(Tube(np.stack([start, end]) * thorax.stretch, float(rng.uniform(2, 4)), hollow=False))
    return tuple(found)


def effusion(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """A pleural effusion on one side."""
    return (Effusion(thorax, int(rng.choice(SIDES)), float(rng.uniform(35, 85))),)


def bulla(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """A bulla at an apex, almost without vessels: as dark as a pneumothorax, without its pleural line."""
    index = int(rng.integers(2))
    x, y = (np.array([SIDES[index] * rng.uniform(52, 70), rng.uniform(-95, -60)]) * thorax.stretch).tolist()
    size = float(rng.uniform(24, 42))
    return (Opacity((x, y), (size, 1.2 * size, -float(rng.uniform(5, 11))), power=1.0, hides=1.0),)


def skin_fold(thorax: Thorax, rng: np.random.Generator) -> tuple[Finding, ...]:
    """A skin fold along one flank, its edge resembling a pleural line."""
    side = int(rng.choice([RIGHT, LEFT]))
    x = rng.uniform(78, 112)
    corners = np.array([(x - 8, -150), (x, -60), (x + rng.normal(3, 6), 40), (x + rng.normal(6, 9), 150)], float)
    return (SkinFold(curve(corners * (side, 1) * thorax.stretch, closed=False), side, float(rng.uniform(7, 15))),)
