"""Lung statistics of a chest CT as one table row: volumes and Hounsfield units, on native voxels.

Every voxel counts with its true volume (up to the midpoints between slices), so that gaps and uneven slices do not
matter, and nothing is resampled: linear interpolation alone shifts the mean by 3–12 HU.
"""

import os

import numpy as np

from pulmo.imaging.hounsfield import HIGHEST_HU, LOWEST_HU
from pulmo.imaging.left_right import LEFT, RIGHT, labelled_window
from pulmo.imaging.lungs import LungMask, segment_lungs
from pulmo.imaging.reading import read_volume
from pulmo.imaging.volume import Volume

PERCENTILES = (5, 10, 25, 50, 75, 90, 95)

BANDS_HU = {
    "emphysema": (LOWEST_HU, -950),
    "normal": (-950, -700),
    "ground_glass_reticular": (-700, -250),
    "consolidated": (-250, 50),
    "high_attenuation": (-600, -250),
}
"""Fractions of lung volume by density, lower end included. Emphysema below −950 HU: Gevenois et al., Am J Respir Crit
Care Med 1996; 154: 187. High attenuation area −600…−250 HU, in early interstitial disease: Lederer et al., Am J
Respir Crit Care Med 2009; 180: 407. Between emphysema and −700 lung is normally aerated; from −250 to soft tissue's
+50 no air is left."""

WITHIN_CONTOUR = frozenset({"ground_glass_reticular", "consolidated", "high_attenuation"})
"""These fractions include the diseased tissue up to the outer contour; the others are of the lungs alone."""

_ROUNDING = 1e-9
_SCALE_HU = np.arange(LOWEST_HU, HIGHEST_HU + 1, dtype=np.float64)


def scan_statistics(folder: str | os.PathLike[str]) -> dict[str, float | int | str]:
    """`lung_statistics` of the scan in `folder`. Raises ScanError as reading and segmentation do."""
    volume = read_volume(folder)
    return lung_statistics(volume, segment_lungs(volume))


def lung_statistics(volume: Volume, mask: LungMask) -> dict[str, float | int | str]:
    """Lung statistics as scalars, one row per patient.

    `lung_litres`, `_left`, `_right`; `hu_mean`, `hu_sd`, `hu_skew`, `hu_kurtosis` (excess: 0 for a normal distribution)
    and `hu_p5` … `hu_p95`, all over lung volume; `share_<band>` for each of BANDS_HU, those of disease within the outer
    contour; `slices`, `spacing_z_mm`, `spacing_y_mm`, `spacing_x_mm`; `pixel_ratio` (background to lung voxels),
    `quality` and `repairs` in words.
    """
    left, right = lung_histogram(volume, mask.labels, LEFT), lung_histogram(volume, mask.labels, RIGHT)
    z, y, x = volume.spacing_mm
    return {
        "lung_litres": float(left.sum() + right.sum()),
        "lung_litres_left": float(left.sum()),
        "lung_litres_right": float(right.sum()),
        **_moments(left + right),
        **_percentiles(left + right),
        **_shares(left + right, mask.edge_litres),
        "slices": len(volume.hu),
        "spacing_z_mm": z,
        "spacing_y_mm": y,
        "spacing_x_mm": x,
        "pixel_ratio": mask.quality.pixel_ratio,
        "quality": "; ".join((mask.quality.verdict, *mask.quality.reasons)),
        "repairs": "; ".join(volume.repairs),
    }


def lung_histogram(volume: Volume, labels: np.ndarray, side: int) -> np.ndarray:
    """Litres of one lung at each whole HU from −1024 to 3071, (4096,)."""
    litres = np.zeros(len(_SCALE_HU))
    window = labelled_window(labels, side)
    for hu, plane, voxel_litres in zip(volume.hu, labels, volume.voxel_litres, strict=True):
        inside = hu[window][plane[window] == side]
        if inside.size:
            litres += voxel_litres * np.bincount(np.maximum(inside, LOWEST_HU) - LOWEST_HU, minlength=len(_SCALE_HU))
    return litres


def _moments(litres: np.ndarray) -> dict[str, float]:
    share = litres / litres.sum()
    mean = float(share @ _SCALE_HU)
    from_mean = _SCALE_HU - mean
    sd = float(np.sqrt(share @ from_mean**2))
    if sd == 0:
        return {"hu_mean": mean, "hu_sd": 0.0, "hu_skew": 0.0, "hu_kurtosis": 0.0}
    return {
        "hu_mean": mean,
        "hu_sd": sd,
        "hu_skew": float(share @ from_mean**3) / sd**3,
        "hu_kurtosis": float(share @ from_mean**4) / sd**4 - 3,
    }


def _percentiles(litres: np.ndarray) -> dict[str, float]:
    """The smallest HU at or below which that percentage of the volume lies."""
    cumulative = np.cumsum(litres) / litres.sum()
    ranks = np.searchsorted(cumulative, np.array(PERCENTILES) / 100 - _ROUNDING)
    return {f"hu_p{percent}": float(_SCALE_HU[rank]) for percent, rank in zip(PERCENTILES, ranks, strict=True)}


def _shares(lungs: np.ndarray, edge: np.ndarray | None) -> dict[str, float]:
    contour = lungs if edge is None else lungs + edge
    shares = {}
    for name, (low, high) in BANDS_HU.items():
        litres = contour if name in WITHIN_CONTOUR else lungs
        shares[f"share_{name}"] = float(litres[low - LOWEST_HU : high - LOWEST_HU].sum()) / float(litres.sum())
    return shares
