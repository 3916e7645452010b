"""Bodies that turn: surfaces of masks in a scan, as plotly meshes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pulmo.imaging.mesh import surface
from pulmo.imaging.volume import Volume
from pulmo.report.style import turning

VOXEL_MM, MOST_VOXELS = 2.5, 120
"""Voxels are taken together until they are about so large, or of an animal so many along its longest side: a mesh of
some hundred thousand triangles at most."""

WIDTH_PIXELS = 440  # about, where there is room for others beside it

_LIGHT = {"ambient": 0.65, "diffuse": 0.7, "specular": 0.15, "roughness": 0.6}


class Body(NamedTuple):
    """A mask (slices, rows, columns) of a scan, bool, with its name and colour."""

    mask: np.ndarray
    name: str
    colour: str


def draw_surfaces(volume: Volume, bodies: Sequence[Body], height_pixels: int = 460) -> Any:
    """A plotly figure of the bodies' surfaces, in mm of the patient's coordinates, that turns until it is touched.

    Raises ScanError for an empty mask.
    """
    import plotly.graph_objects as go

    longest_mm = max(count * side for count, side in zip(volume.hu.shape, volume.spacing_mm, strict=True))
    voxel_mm = min(VOXEL_MM, longest_mm / MOST_VOXELS)
    z, y, x = (max(1, round(voxel_mm / side)) for side in volume.spacing_mm)
    picture = go.Figure()
    for body in bodies:
        mesh = surface(volume, body.mask, (z, y, x))
        points = dict(zip("xyz", mesh.vertices_mm.T.round(1).astype(np.float32), strict=True))
        corners = dict(zip("ijk", mesh.faces.T.astype(np.uint32), strict=True))
        picture.add_mesh3d(
            **points, **corners, color=body.colour, name=body.name, showlegend=True, lighting=_LIGHT, hoverinfo="name"
        )
    picture.update_layout(width=WIDTH_PIXELS)
    return turning(picture, height_pixels)
