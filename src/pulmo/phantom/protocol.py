"""Random CT protocols: grid, header, encoding and noise of a scan."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian

from pulmo.phantom.chest import Body
from pulmo.phantom.dicom import Encoding, Series, write_series
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import Grid, axial, evenly

ENCODINGS = (
    Encoding(-1024),
    Encoding(-1024, signed=True, padding=-2000),
    Encoding(0, signed=True, padding=-2000),
    Encoding(-1000, signed=True),
    Encoding(-1024, bits_stored=12),
)
SPACINGS_MM = (3.5, 5.0, 6.0, 7.5, 10.0, 10.0, 12.5, 20.0)
MAX_SLICES, MIN_SLICES = 80, 12
MATRICES = ((128, 128), (160, 160), (192, 160), (192, 192), (256, 256))
SCANNERS = (
    ("GE MEDICAL SYSTEMS", "LightSpeed VCT", "BONEPLUS"),
    ("SIEMENS", "Sensation 64", "B60f"),
    ("Philips", "Brilliance16", "B"),
)
MARGIN_MM = 14.0


@dataclass(frozen=True)
class Protocol:
    """Grid, header, encoding and noise of a scan."""

    grid: Grid
    series: Series
    encoding: Encoding
    noise_sd: float


def random_protocol(body: Body, rng: np.random.Generator) -> Protocol:
    """A random protocol that covers both lungs of the body with 12 to 80 slices."""
    manufacturer, model, kernel = SCANNERS[rng.integers(len(SCANNERS))]
    return Protocol(
        grid=_grid(body, rng),
        series=Series(thickness_mm=1.25, manufacturer=manufacturer, model=model, kernel=kernel),
        encoding=ENCODINGS[rng.integers(len(ENCODINGS))],
        noise_sd=float(rng.uniform(12, 40)),
    )


def scan(
    folder: Path, patient: str, body: Body, seed: int, transfer_syntax: str = ExplicitVRLittleEndian
) -> list[Path]:
    """Write a series of the body by a random protocol; returns its files. The seed determines everything."""
    protocol = random_protocol(body, np.random.default_rng([seed, 2]))
    hu = draw(body, protocol.grid, seed, protocol.noise_sd)
    series = replace(protocol.series, patient=patient)
    encoding = replace(protocol.encoding, transfer_syntax=transfer_syntax)
    return write_series(folder, hu, protocol.grid, series, encoding)


def _grid(body: Body, rng: np.random.Generator) -> Grid:
    """A grid over both lungs and the whole width of the body, in order from the feet or the head."""
    surface = np.concatenate([lung.surface() for lung in body.lungs])
    lowest, highest = surface[:, 2].min() - MARGIN_MM, surface[:, 2].max() + MARGIN_MM
    fitting = [mm for mm in SPACINGS_MM if MIN_SLICES <= _slices(highest - lowest, mm) <= MAX_SLICES]
    spacing_mm = float(rng.choice(fitting))
    rows, columns = MATRICES[rng.integers(len(MATRICES))]
    widest = 2 * body.skin.semi_axes_mm[0]
    pixel_mm = round(widest * float(rng.uniform(1.04, 1.2)) / columns, 6)
    middle = (0.0, float(np.rint(rng.normal(8, 4))), round(float(lowest + highest) / 2, 2))
    grid = axial(evenly(_slices(highest - lowest, spacing_mm), spacing_mm), (rows, columns), pixel_mm, middle)
    return grid.reversed() if rng.random() < 0.5 else grid


def _slices(length_mm: float, spacing_mm: float) -> int:
    return int(np.ceil(length_mm / spacing_mm)) + 1
