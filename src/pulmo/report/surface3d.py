"""Rotating 3-D surfaces of masks in a scan, as plotly meshes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pulmo.imaging.mesh import surface
from pulmo.imaging.volume import Volume
from pulmo.report.style import rotating

VOXEL_MM, MAX_VOXELS = 2.5, 120
"""Voxels are averaged to about VOXEL_MM, or in a small animal to MAX_VOXELS along the longest side: at most some
hundred thousand triangles."""

WIDTH_PIXELS = 440  # preferred width, beside other figures

_LIGHT = {"ambient": 0.65, "diffuse": 0.7, "specular": 0.15, "roughness": 0.6}


class MaskSurface(NamedTuple):
    """A mask (slices, rows, columns) of a scan, bool, with its name and colour."""

    mask: np.ndarray
    name: str
    colour: str


def draw_surfaces(volume: Volume, surfaces: Sequence[MaskSurface], height_pixels: int = 460) -> Any:
    """A plotly figure of surfaces in the patient's coordinates, in mm, that rotates until it is touched.

    Raises ScanError for an empty mask.
    """
    import plotly.graph_objects as go

    longest_mm = max(count * side for count, side in zip(volume.hu.shape, volume.spacing_mm, strict=True))
    voxel_mm = min(VOXEL_MM, longest_mm / MAX_VOXELS)
    z, y, x = (max(1, round(voxel_mm / side)) for side in volume.spacing_mm)
    plot = go.Figure()
    for part in surfaces:
        mesh = surface(volume, part.mask, (z, y, x))
        points = dict(zip("xyz", mesh.vertices_mm.T.round(1).astype(np.float32), strict=True))
        corners = dict(zip("ijk", mesh.faces.T.astype(np.uint32), strict=True))
        plot.add_mesh3d(
            **points, **corners, color=part.colour, name=part.name, showlegend=True, lighting=_LIGHT, hoverinfo="name"
        )
    plot.update_layout(width=WIDTH_PIXELS)
    return rotating(plot, height_pixels)
