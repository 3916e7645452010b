"""Simulated chest X-rays: tissue thickness along each ray, then scatter, the film's response and grain.

Thickness is summed in millimetres of water along each ray, so that overlapping structures add; shapes are drawn at half
the image's size, as sharp as an X-ray, and grain at full size.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from pulmo.phantom.canvas import Canvas
from pulmo.phantom.exposure import Exposure
from pulmo.phantom.thorax import SIDES, Thorax
from pulmo.phantom.vessels import tree

# In mm of water.
_TRUNK_MM, _LUNG_DEPTH_MM, _HEART_MM, _SPINE_MM = 205.0, 150.0, 112.0, 24.0
_SPINE_HALF_MM, _TRACHEA_MM = 19.0, 16.0
_FULL_LUNG_MM = 70.0
LUNG_DENSITY = 0.24
_VESSEL, _VESSEL_MM = 30.0, 13.0
_MOTTLE, _MOTTLE_MM = 1 / 310, 1.0  # its scale, relative to the image; its depth
_RIB_MM, _CLAVICLE_MM, _BLADE_MM = 19.0, 26.0, 10.0

_FOCUS_MM, _LATITUDE_MM = 0.5, 85.0
_FOG = 64
_GRAIN, _GRAIN_PIXELS = 1.6, 0.6


@dataclass
class Layers:
    """Layers of an X-ray, (pixels, pixels) each, that drawing functions change.

    `tissue_mm` float32 is the thickness along each ray, in mm of water; `lungs` (0 or 1) all lung, also behind the
    heart; `lung_depth_mm` its depth; `aerated` float32 is 1 where vessels and lung texture are visible, less where
    disease hides them.
    """

    canvas: Canvas
    thorax: Thorax
    tissue_mm: np.ndarray
    lungs: np.ndarray
    lung_depth_mm: np.ndarray
    aerated: np.ndarray


Finding = Callable[[Layers], None]
"""A disease or another visible object: changes the tissue's thickness, and may hide the lung's texture."""


class DrawnRadiograph(NamedTuple):
    """`grey` and `lungs` (0 or 1, beside heart and great vessels), uint8 (pixels, pixels)."""

    grey: np.ndarray
    lungs: np.ndarray
    canvas: Canvas


def draw(
    thorax: Thorax, exposure: Exposure, pixels: int, seed: int, findings: tuple[Finding, ...] = ()
) -> DrawnRadiograph:
    """One X-ray. The seed determines vessels, texture and grain, which do not depend on the findings."""
    canvas = exposure.canvas(pixels)
    texture, grain = np.random.default_rng(seed).spawn(2)
    layers = _body(exposure.canvas(pixels // 2), thorax)
    for finding in findings:
        finding(layers)
    _lung_texture(layers, texture)
    _bones(layers)
    grey = _developed(layers, canvas, exposure, grain)
    return DrawnRadiograph(grey, visible_lungs(canvas, thorax), canvas)


def visible_lungs(canvas: Canvas, thorax: Thorax) -> np.ndarray:
    """The mask of lung beside the heart and the great vessels, as radiologists outline it, uint8 (pixels, pixels)."""
    mask = canvas.filled(*thorax.lungs)
    mask[canvas.filled(thorax.mediastinum) > 0] = 0
    return mask


def _body(canvas: Canvas, thorax: Thorax) -> Layers:
    """Layers of soft tissue and lungs."""
    lungs = canvas.filled(*thorax.lungs)
    depth = canvas.rounded(lungs, _LUNG_DEPTH_MM, 36)
    depth = np.maximum(depth - canvas.rounded(canvas.filled(thorax.mediastinum), _HEART_MM, 26), 0)
    tissue = _trunk(canvas, thorax)
    tissue -= np.float32(1 - LUNG_DENSITY) * depth
    for centre in thorax.breasts:
        canvas.add_ellipsoid(tissue, centre, (52, 46, 13))
    if thorax.gastric_bubble_mm > 4:
        canvas.add_ellipsoid(
            tissue,
            thorax.stomach,
            (thorax.gastric_bubble_mm, 0.45 * thorax.gastric_bubble_mm, -0.9 * thorax.gastric_bubble_mm),
        )
    return Layers(canvas, thorax, tissue, lungs, depth, np.ones_like(tissue))


def _trunk(canvas: Canvas, thorax: Thorax) -> np.ndarray:
    """The trunk's thickness, drawn wider than the image, beyond which it continues, and coarser, as it is smooth."""
    half = replace(canvas, pixels=canvas.pixels // 2)
    margin = half.pixels // 4
    wide = half.widened(margin)
    trunk = wide.rounded(wide.filled(thorax.body), _TRUNK_MM, 120)[margin:-margin, margin:-margin]
    return np.asarray(cv2.resize(trunk, (canvas.pixels, canvas.pixels), interpolation=cv2.INTER_LINEAR))


def _lung_texture(layers: Layers, rng: np.random.Generator) -> None:
    canvas, thorax = layers.canvas, layers.thorax
    layer = canvas.layer()
    for outline, hilum in zip(thorax.lungs, thorax.hila, strict=True):
        vessels = tree(hilum, outline, rng)
        kinds = np.round(np.log2(vessels.radii_mm) * 2) / 2  # one stroke for all of about the same width
        for kind in np.unique(kinds).tolist():
            canvas.stroke(layer, list(vessels.paths_mm[kinds == kind]), 2 * 2.0**kind, _VESSEL * 2.0**kind)
    texture = layer * np.float32(_VESSEL_MM / _VESSEL)
    for hilum, side in zip(thorax.hila, SIDES, strict=True):
        canvas.add_ellipsoid(texture, hilum + np.array([side * 3, 6]), (18, 36, 14), power=1.5)
    texture += _grain(canvas.pixels, _MOTTLE * canvas.pixels, rng) * np.float32(_MOTTLE_MM)
    # Faint where the ray passes through little lung: at its edges, and behind the heart.
    layers.tissue_mm += texture * np.minimum(layers.lung_depth_mm / np.float32(_FULL_LUNG_MM), 1) * layers.aerated


def _bones(layers: Layers) -> None:
    canvas, thorax = layers.canvas, layers.thorax
    bones = np.zeros_like(layers.tissue_mm)
    for posterior, anterior in map(thorax.ribs, SIDES):
        bones += _bone(canvas, posterior, 11.0, _RIB_MM)
        bones += _bone(canvas, anterior, 13.0, 0.6 * _RIB_MM)
    bones += _bone(canvas, [thorax.clavicle(side) for side in SIDES], 14.0, _CLAVICLE_MM)
    blades = canvas.filled(*(thorax.shoulder_blade(side) for side in SIDES))
    layers.tissue_mm += bones + canvas.rounded(blades, _BLADE_MM, 9)
    _spine(layers)


def _bone(canvas: Canvas, paths_mm: list[np.ndarray], width_mm: float, thickness_mm: float) -> np.ndarray:
    """A dense cortex around less dense marrow, float32 in mm."""
    layer = canvas.layer()
    canvas.stroke(layer, paths_mm, width_mm, 255)
    canvas.stroke(layer, paths_mm, width_mm - 3.0, 170)
    return np.asarray(layer * np.float32(thickness_mm / 255))


def _spine(layers: Layers) -> None:
    """The vertebrae with discs between them, and the trachea in front of them."""
    x, y = layers.canvas.points_mm
    near = np.abs(x) < _SPINE_HALF_MM
    x, y = x[near], y[near]
    column = np.sqrt(1 - (x / np.float32(_SPINE_HALF_MM)) ** 2)
    discs = 1 - np.float32(0.22) * (np.cos(y * np.float32(2 * np.pi / 23.5)) > 0.8)
    trachea = np.sqrt(np.maximum(1 - ((x - np.float32(2)) / np.float32(8.5)) ** 2, 0)) * (y < -35)
    layers.tissue_mm[near] += np.float32(_SPINE_MM) * column * discs - np.float32(_TRACHEA_MM) * trachea


def _developed(layers: Layers, canvas: Canvas, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """Millimetres of water → uint8 grey at full size: focal blur, scatter, the film's response, grain."""
    tissue = layers.canvas.smooth(layers.tissue_mm, _FOCUS_MM)
    fog = cv2.blur(cv2.resize(tissue, (_FOG, _FOG), interpolation=cv2.INTER_AREA), (_FOG // 7, _FOG // 7))
    share = np.float32(exposure.fog)
    tissue += share * (cv2.resize(fog, tissue.shape) - tissue)
    scale = np.float32(exposure.contrast / _LATITUDE_MM)
    film = np.tanh((tissue - np.float32(exposure.middle_mm)) * scale)
    black = np.tanh(np.float32(-exposure.middle_mm) * scale)
    film = cv2.resize(film, (canvas.pixels, canvas.pixels), interpolation=cv2.INTER_LINEAR)
    grain = _grain(canvas.pixels, _GRAIN_PIXELS, rng)
    factor = 250 / (1 - float(black))
    grey: np.ndarray = cv2.addWeighted(
        film, factor, grain, _GRAIN * exposure.grain, -factor * float(black), dtype=cv2.CV_8U
    )
    return grey


def _grain(pixels: int, sd_pixels: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of standard deviation 1, float32 (pixels, pixels), blurred by `sd_pixels`.

    One cached field, shifted at random: new noise for each image would take as long as all other steps.
    """
    down, right = rng.integers(pixels, size=2).tolist()
    return np.roll(_noise_field(pixels, sd_pixels), (down, right), axis=(0, 1))


@lru_cache(maxsize=8)
def _noise_field(pixels: int, sd_pixels: float) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((pixels, pixels), np.float32)
    margin = math.ceil(4 * sd_pixels)
    smooth = cv2.GaussianBlur(np.pad(noise, margin, mode="wrap"), (0, 0), sd_pixels)[margin:-margin, margin:-margin]
    return np.asarray(smooth / smooth.std())
