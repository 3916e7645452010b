"""A body made of ellipsoids, with lungs of exactly known volume: x to the left, y to the back, z to the head."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pulmo.phantom.geometry import Vector, vector
from pulmo.phantom.shapes import Ellipsoid, chain, rod

LONG_MM = 1e4
AIR, LUNG, FAT, MUSCLE, BLOOD, LIVER, BONE = -1000, -860, -95, 45, 40, 60, 350

# At size 1, in mm: an average man's torso and the semi-axes of a lung of 2.46 litres.
TORSO = (176.0, 120.0, 430.0)
TORSO_CENTRE_Z = -60.0
LUNG_AXES = (62.0, 74.0, 128.0)
APEX_Z = 128.0
HALF_GAP = 11.0
# Rotations that separate the lungs towards the front (room for the heart) and towards the feet.
SPLAY_DEGREES, LEAN_DEGREES = 12.0, 5.0


@dataclass(frozen=True)
class Body:
    """Shapes of a body and the table, in drawing order: later ones cover earlier ones.

    The first of `surroundings` is the skin. The lungs are drawn over `table` and `surroundings`, so nothing cuts into
    them and their volume is exact. `vessels` are drawn over the lungs, and are part of them. `fibrosis` is the diseased
    fraction of the lungs.
    """

    surroundings: tuple[Ellipsoid, ...]
    table: tuple[Ellipsoid, ...] = ()
    left: Ellipsoid | None = None
    right: Ellipsoid | None = None
    vessels: tuple[Ellipsoid, ...] = ()
    fibrosis: float = 0.0

    @property
    def skin(self) -> Ellipsoid:
        """The outside of the body."""
        return self.surroundings[0]

    @property
    def lungs(self) -> tuple[Ellipsoid, ...]:
        """Left, then right; none in a head."""
        return tuple(lung for lung in (self.left, self.right) if lung is not None)

    @property
    def lung_litres_left(self) -> float:
        """Exact volume of the left lung, 0 without one."""
        return self.left.litres if self.left else 0.0

    @property
    def lung_litres_right(self) -> float:
        """Exact volume of the right lung, 0 without one."""
        return self.right.litres if self.right else 0.0

    @property
    def lung_litres(self) -> float:
        """Exact volume of both lungs."""
        return self.lung_litres_left + self.lung_litres_right

    def fibrotic(self, share: float) -> "Body":
        """The same body with this fraction (0…1) of its lungs diseased; their volume is unchanged."""
        if not 0 <= share <= 1:
            raise ValueError(f"the diseased fraction must be between 0 and 1 (got {share})")
        return replace(self, fibrosis=share)

    def on_table(self) -> "Body":
        """With the patient table: a dense shell, wider than the image, with air inside and below."""
        middle = (0.0, self.skin.centre_mm[1] + self.skin.semi_axes_mm[1] + 28.0, 0.0)
        table = (Ellipsoid(middle, (300, 25, LONG_MM), 150), Ellipsoid(middle, (294, 21, LONG_MM), AIR))
        return replace(self, table=table)

    def with_vessels(self, seed: int = 0, branches: int = 36, hilum_mm: float = 0.0) -> "Body":
        """With a tree of vessels from each hilum, a few per cent of the lungs that thresholding excludes.

        All enter at one point, or spread over `hilum_mm` (a standard deviation).
        """
        rng = np.random.default_rng(seed)
        return replace(self, vessels=tuple(v for lung in self.lungs for v in _tree(lung, branches, hilum_mm, rng)))

    def joined(self) -> "Body":
        """With the lungs connected by a thread of lung (under 1 ml, not counted in the volume)."""
        if self.left is None or self.right is None:
            raise ValueError("two lungs are needed")
        thread = rod(_hilum(self.left), _hilum(self.right), 3.0, LUNG)
        return replace(self, vessels=(*self.vessels, thread))


def plain_lungs(left_litres: float = 2.3, right_litres: float = 2.7, size: float = 1.0) -> Body:
    """Two ellipsoids in a torso. `size` scales the torso in each direction.

    Raises ValueError where such lungs do not fit.
    """
    torso = Ellipsoid((0, 0, TORSO_CENTRE_Z * size), vector(np.asarray(TORSO) * size), MUSCLE)
    left, right = _lung(left_litres, size, +1), _lung(right_litres, size, -1)
    for lung in (left, right):
        if torso.radius(lung.surface()).max() > 0.9:
            raise ValueError(f"a lung of {lung.litres:.2f} litres does not fit a torso of size {size:.2f}")
    return Body((torso,), left=left, right=right)


def chest(
    left_litres: float = 2.3,
    right_litres: float = 2.7,
    size: float = 1.0,
    airways: Literal["touching", "apart", "none"] = "touching",
) -> Body:
    """A chest: fat, muscle, ribs, spine, heart, aorta, liver, a gas bubble in the stomach, trachea and main bronchi.

    The bronchi touch the lungs, as in patients, or end two millimetres before them. Raises ValueError where the lungs
    do not fit.
    """
    plain = plain_lungs(left_litres, right_litres, size)
    assert plain.left is not None
    assert plain.right is not None
    (torso,) = plain.surroundings
    skin = replace(torso, hu=FAT)
    muscle = Ellipsoid(torso.centre_mm, vector(np.asarray(torso.semi_axes_mm) - 11 * size), MUSCLE)
    organs = (*_mediastinum(plain.left, size), *_abdomen(plain.left, plain.right, size))
    tubes = () if airways == "none" else _airways(plain.left, plain.right, size, airways == "touching")
    layers = (skin, muscle, *organs, *_bones(muscle, size), *tubes)
    return replace(plain, surroundings=layers)


def head() -> Body:
    """A head with its skull, sinuses and pharynx: air inside, and no lungs."""
    scalp = Ellipsoid((0, 0, 0), (80, 100, 118), MUSCLE)
    neck = Ellipsoid((0, 20, -160), (62, 66, 140), MUSCLE)
    skull = Ellipsoid((0, 5, 10), (73, 92, 104), 1000)
    brain = Ellipsoid((0, 5, 10), (66, 85, 97), 35)
    nose = Ellipsoid((0, -72, -55), (14, 22, 24), AIR)
    antra = tuple(Ellipsoid((side * 30, -66, -60), (13, 15, 17), AIR) for side in (1, -1))
    mastoids = tuple(Ellipsoid((side * 58, 28, -45), (7, 11, 12), -700) for side in (1, -1))
    pharynx = rod((0, -48, -60), (0, -12, -260), 9, AIR)
    return Body((scalp, neck, skull, brain, nose, *antra, *mastoids, pharynx))


def _lung(litres: float, size: float, side: int) -> Ellipsoid:
    """A lung at the apex of the chest; smaller ones are mainly shorter, with a higher base."""
    unscaled = Ellipsoid((0, 0, 0), vector(np.asarray(LUNG_AXES) * size), LUNG)
    ratio = litres / unscaled.litres
    semi = np.asarray(unscaled.semi_axes_mm) * ratio ** np.array([0.2, 0.2, 0.6])
    splay, lean = np.radians(SPLAY_DEGREES), np.radians(LEAN_DEGREES)
    x = np.array([np.cos(splay) * np.cos(lean), side * np.sin(splay), side * np.sin(lean)])
    z = np.array([-side * np.sin(lean), 0, np.cos(lean)])
    z -= (z @ x) * x
    z /= np.linalg.norm(z)
    axes = np.stack([x, np.cross(z, x), z])
    half_extent = np.linalg.norm(axes * semi[:, None], axis=0)
    centre = (side * (HALF_GAP * size + half_extent[0]), 0.0, APEX_Z * size - half_extent[2])
    directions = (vector(axes[0]), vector(axes[1]), vector(axes[2]))
    return Ellipsoid(vector(np.asarray(centre)), vector(semi), LUNG, directions)


def _hilum(lung: Ellipsoid) -> Vector:
    """The point on the surface nearest to the midline."""
    surface = lung.surface()
    return vector(surface[np.argmin(np.abs(surface[:, 0]))])


def _base_z(lung: Ellipsoid) -> float:
    return float(lung.surface()[:, 2].min())


def _mediastinum(left: Ellipsoid, size: float) -> tuple[Ellipsoid, ...]:
    base = _base_z(left)
    heart_z = base + 0.38 * (APEX_Z * size - base)
    fat = Ellipsoid((0, -8 * size, heart_z + 30 * size), vector(np.array([52, 86, 120]) * size), FAT)
    upper_right, lower_left = np.array([[-20, -20, 25], [42, -42, -25]]) * size + (0, 0, heart_z)
    heart = rod(vector(upper_right), vector(lower_left), 46 * size, BLOOD)
    arch = np.array([[-14, -30, 20], [-8, -25, 62], [4, 5, 72], [16, 36, 60], [17, 46, 20]]) * size
    descending = Ellipsoid(vector(np.array([17, 46, -130]) * size), vector(np.array([11, 11, 200]) * size), BLOOD)
    return fat, heart, *chain(arch, 13 * size, BLOOD), descending


def _abdomen(left: Ellipsoid, right: Ellipsoid, size: float) -> tuple[Ellipsoid, ...]:
    liver_z, stomach_z = _base_z(right) - 45 * size, _base_z(left) - 38 * size
    liver = Ellipsoid((-55 * size, -10 * size, liver_z), vector(np.array([88, 80, 75]) * size), LIVER)
    stomach = Ellipsoid((62 * size, -30 * size, stomach_z), vector(np.array([48, 46, 34]) * size), 20)
    gas = Ellipsoid((62 * size, -48 * size, stomach_z + 4 * size), vector(np.array([34, 22, 20]) * size), AIR)
    return liver, stomach, gas


def _bones(muscle: Ellipsoid, size: float) -> tuple[Ellipsoid, ...]:
    arch = Ellipsoid((0, 88 * size, 0), (24 * size, 15 * size, LONG_MM), BONE)
    vertebrae = Ellipsoid((0, 70 * size, 0), (20 * size, 16 * size, LONG_MM), 220)
    canal = Ellipsoid((0, 90 * size, 0), (9 * size, 8 * size, LONG_MM), 30)
    sternum = Ellipsoid((0, -98 * size, 20 * size), (18 * size, 5 * size, 95 * size), 250)
    ribs = (rib for z in np.arange(-190, 140, 28) for side in (1, -1) for rib in _rib(muscle, z * size, side, size))
    return arch, vertebrae, canal, sternum, *ribs


def _rib(muscle: Ellipsoid, z: float, side: int, size: float) -> tuple[Ellipsoid, ...]:
    """A rib from the spine (at height `z`) along the inside of the muscle to the front, descending by 60 mm."""
    angle = np.linspace(0.12, 0.82, 8) * np.pi
    height = z - 60 * size * (angle - angle[0]) / np.pi
    (a, b, c), centre = muscle.semi_axes_mm, muscle.centre_mm
    taper = 0.945 * np.sqrt(1 - ((height - centre[2]) / c) ** 2)
    curve = np.stack([side * a * taper * np.sin(angle), b * taper * np.cos(angle), height], axis=1)
    return chain(curve, 5 * size, BONE)


def _airways(left: Ellipsoid, right: Ellipsoid, size: float, touching: bool) -> tuple[Ellipsoid, ...]:
    """Walls first, then their lumen."""
    carina = np.array([0.0, 14.0, 52.0]) * size
    trachea_top = np.array([0.0, 2.0, 260.0]) * size
    # A rod extends 12 % beyond its end.
    share, radius_mm = (1.15, 6.5) if touching else (0.72, 3.5)
    ends = [carina + share * (np.asarray(_hilum(lung)) - carina) for lung in (left, right)]
    paths = [(vector(carina), vector(end), radius_mm * size) for end in ends]
    paths.append((vector(trachea_top), vector(carina), 8.5 * size))
    walls = (rod(a, b, radius + 1.8, MUSCLE) for a, b, radius in paths)
    return *walls, *(rod(a, b, radius, AIR) for a, b, radius in paths)


def _tree(lung: Ellipsoid, branches: int, hilum_mm: float, rng: np.random.Generator) -> tuple[Ellipsoid, ...]:
    """Vessels from the hilum to points throughout the lung, each of three straight segments of decreasing radius."""
    ball = rng.standard_normal((branches, 3))
    ball *= (0.92 * rng.random(branches) ** (1 / 5) / np.linalg.norm(ball, axis=1))[:, None]
    ends = (ball * lung.semi_axes_mm) @ np.asarray(lung.axes) + lung.centre_mm
    hilum, middle = np.asarray(_hilum(lung)), np.asarray(lung.centre_mm)
    segments: list[Ellipsoid] = []
    for end in ends:
        start = hilum + rng.normal(0, hilum_mm, 3) if hilum_mm else hilum
        first = start + 0.5 * (middle - start) + 0.25 * (end - middle)
        second = (first + end) / 2 + rng.normal(0, 6, 3)
        course = ((start, first, 2.6), (first, second, 2.0), (second, end, 1.2))
        segments += [rod(vector(a), vector(b), radius, BLOOD) for a, b, radius in course]
    return tuple(segments)
