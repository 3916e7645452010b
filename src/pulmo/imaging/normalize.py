"""Hounsfield units → network input, computed while training: stored int16 is smaller and compresses better."""

import numpy as np

LOWEST_HU, HIGHEST_HU = -1000.0, 400.0
"""Air and the lower end of bone (the tutorial's, and LUNA16's, bounds)."""
MEAN = 0.25
"""The mean of normalised LUNA16 scans, by the tutorial; the same for all scans, as HU are calibrated."""


def normalised(hu: np.ndarray) -> np.ndarray:
    """HU of any shape → float32 in 0…1, linear from −1000 to 400 HU and clipped; padding becomes 0, as air."""
    scaled = (hu.astype(np.float32) - np.float32(LOWEST_HU)) / np.float32(HIGHEST_HU - LOWEST_HU)
    return np.clip(scaled, 0.0, 1.0, out=scaled)


def zero_centred(normal: np.ndarray) -> np.ndarray:
    """Normalised values, any shape → float32 around 0."""
    centred: np.ndarray = normal - np.float32(MEAN)
    return centred
