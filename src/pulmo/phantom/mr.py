"""MR scans of small animals with a tumour: bright and uniform, or dark with necrosis.

After the two tumour models of the slides, R1 and BN-175. Lengths are millimetres; intensities are relative to muscle.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from pulmo.phantom.dicom import Encoding, Series, write_series
from pulmo.phantom.draw import paint
from pulmo.phantom.geometry import Grid, Vector, axial, evenly, vector
from pulmo.phantom.shapes import Ellipsoid

TumourKind = Literal["uniform", "necrotic"]

MUSCLE, FAT, BONE, GUT = 1.0, 1.5, 0.25, 1.0
MATRICES = (64, 80, 96)


@dataclass(frozen=True)
class Animal:
    """Shapes of an animal in drawing order, the tumour last."""

    body: tuple[Ellipsoid, ...]
    tumour: tuple[Ellipsoid, ...]

    @property
    def tumour_millilitres(self) -> float:
        """Exact volume of the tumour, necrosis included."""
        return 1000 * self.tumour[0].litres


def animal(kind: TumourKind, seed: int) -> Animal:
    """A rat's trunk, about 40 mm wide, with a tumour of 6 to 13 mm on one flank."""
    rng = np.random.default_rng(seed)
    width, depth = rng.uniform(18, 21), rng.uniform(14, 17)
    skin = Ellipsoid((0, 0, 0), (width, depth, 60), FAT)
    muscle = Ellipsoid((0, 0, 0), (width - 1.2, depth - 1.2, 60), MUSCLE)
    spine = Ellipsoid((0, 0.62 * depth, 0), (2.2, 2.2, 60), BONE)
    gut = tuple(
        Ellipsoid(
            vector(rng.normal(0, 0.25, 3) * (width, depth, 30)),
            vector(rng.uniform(2, 5, 3)),
            GUT * rng.uniform(0.7, 1.3),
        )
        for _ in range(9)
    )
    return Animal((skin, muscle, *gut, spine), _tumour(kind, width, depth, rng))


def _tumour(kind: TumourKind, width: float, depth: float, rng: np.random.Generator) -> tuple[Ellipsoid, ...]:
    size = rng.uniform(6, 13, 3) * (0.5, 0.5, 0.6)
    angle, side = rng.uniform(-0.7, 0.7), rng.choice([-1, 1])
    centre = np.array([side * (0.8 * width) * np.cos(angle), 0.8 * depth * np.sin(angle), rng.uniform(-4, 4)])
    if kind == "uniform":
        return (Ellipsoid(vector(centre), vector(size), float(rng.uniform(1.35, 1.8))),)
    mass = Ellipsoid(vector(centre), vector(size), float(rng.uniform(0.75, 1.25)))
    return mass, *(_hole(mass, rng) for _ in range(rng.integers(3, 9)))


def _hole(mass: Ellipsoid, rng: np.random.Generator) -> Ellipsoid:
    """A necrotic region at a random position inside."""
    radius: Vector = vector(np.asarray(mass.semi_axes_mm) * rng.uniform(0.18, 0.38, 3))
    direction = rng.standard_normal(3)
    direction *= 0.6 * rng.random() ** (1 / 3) / np.linalg.norm(direction)
    return Ellipsoid(
        vector(np.asarray(mass.centre_mm) + direction * mass.semi_axes_mm), radius, float(rng.uniform(0.1, 0.35))
    )


def draw_animal(animal: Animal, grid: Grid, seed: int, noise: float) -> np.ndarray:
    """Intensities relative to muscle, (slices, rows, columns) float32, at least 0.

    The coil's sensitivity varies smoothly by up to a fifth. Noise is Rician: the magnitude of a complex signal, of
    which each part has Gaussian noise of standard deviation `noise` (Gudbjartsson and Patz, Magn Reson Med 1995; 34:
    910).
    """
    rng = np.random.default_rng([seed, 1])
    signal = np.zeros(grid.volume_shape, np.float32)
    paint(signal, grid, (*animal.body, *animal.tumour))
    slopes = rng.uniform(-0.1, 0.1, 3)
    for index in range(len(signal)):
        relative = np.clip(grid.points(index) / 30.0, -1, 1)
        signal[index] *= (1 + relative @ slopes).astype(np.float32)
    real, imaginary = rng.normal(0, noise, (2, *signal.shape)).astype(np.float32)
    return np.asarray(np.hypot(signal + real, imaginary))


def scan_animal(folder: Path, animal: Animal, series: Series, seed: int) -> list[Path]:
    """Write a series by a random protocol and gain; returns its files."""
    rng = np.random.default_rng([seed, 2])
    matrix, spacing = int(rng.choice(MATRICES)), float(rng.choice([1.0, 1.5]))
    grid = axial(evenly(round(30 / spacing), spacing), (matrix, matrix), round(float(rng.uniform(52, 60)) / matrix, 6))
    gain = float(np.exp(rng.uniform(np.log(80), np.log(2000))))
    intensity = gain * draw_animal(animal, grid, seed, noise=float(rng.uniform(0.03, 0.08)))
    encoding = Encoding(intercept=0.0, slope=round(float(rng.uniform(0.5, 2.0)), 4))
    return write_series(folder, intensity, grid, replace(series, modality="MR", body_part="ABDOMEN"), encoding)


def write_localizer(folder: Path, series: Series) -> list[Path]:
    """Write a localizer of three coarse planes; returns its files."""
    grid = axial(evenly(3, 15.0), (32, 32), 3.0)
    planes = 100 * draw_animal(Animal((Ellipsoid((0, 0, 0), (18, 15, 60), MUSCLE),), ()), grid, 0, 0.05)
    localizer = replace(series, modality="MR", description="SURVEY", name="localizer", body_part="ABDOMEN")
    return write_series(folder, planes, grid, localizer, Encoding(intercept=0.0))
