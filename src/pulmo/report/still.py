"""A still picture of a plotly figure: shown until the interactive one is drawn, on paper, and where scripts are off."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Patch

from pulmo.report.style import CAMERA_EYE, legend_above, legend_label, panel

WIDE_INCHES = 8.0
"""Width of a figure that spans the page: as wide as paper, so that its text stays readable there."""
_PIXELS_PER_INCH = 96
_AMBIENT = 0.55
"""Brightness of a surface seen edge-on; 1 is that of one seen from the front."""


def draw_still(plot: Any) -> Drawing:
    """Draw a plotly figure of lines and markers, bars, or surfaces with matplotlib, in the page's style.

    Raises:
        NotImplementedError: a trace of another type.
    """
    inches = plot.layout.width / _PIXELS_PER_INCH if plot.layout.width else WIDE_INCHES
    with panel(inches, plot.layout.height / _PIXELS_PER_INCH) as drawing:
        axes = drawing.subplots()
        types = {trace.type for trace in plot.data}
        if types == {"mesh3d"}:
            _draw_surfaces(axes, plot.data)
        elif types <= {"scatter", "bar"}:
            _draw_chart(axes, plot)
        else:
            raise NotImplementedError(f"no still picture of {', '.join(sorted(types))}")
    return drawing


def _draw_chart(axes: Axes, plot: Any) -> None:
    """Traces over numbers; without x they are counted from 0, and without a colour they take the style's in turn."""
    axes.set_prop_cycle(color=list(plot.layout.colorway))
    for trace in plot.data:
        x = np.arange(len(trace.y)) if trace.x is None else trace.x
        name = legend_label(trace.name) if trace.name else None
        if trace.type == "bar":
            axes.bar(x, trace.y, width=1 - (plot.layout.bargap or 0), color=trace.marker.color, label=name)
            continue
        mode = trace.mode or "lines"
        axes.plot(
            np.array(x, np.float64),  # None, a break in the line, becomes NaN
            np.array(trace.y, np.float64),
            color=trace.line.color,
            linewidth=(trace.line.width or 2) if "lines" in mode else 0,
            marker="o" if "markers" in mode else "",
            markersize=(trace.marker.size or 6) * 72 / _PIXELS_PER_INCH,
            alpha=trace.opacity,
            label=name,
        )
    axes.set(xlabel=plot.layout.xaxis.title.text or "", ylabel=plot.layout.yaxis.title.text or "")
    if axes.get_legend_handles_labels()[1]:
        legend_above(axes, columns=4, fontsize=9)


def _draw_surfaces(axes: Axes, traces: Any) -> None:
    """Surfaces as the camera first sees them, in parallel projection: the nearest triangles are painted last."""
    to_eye = np.array([CAMERA_EYE[axis] for axis in "xyz"])
    to_eye /= np.linalg.norm(to_eye)
    right = np.cross([0.0, 0.0, 1.0], to_eye)
    right /= np.linalg.norm(right)
    up = np.cross(to_eye, right)
    corners = np.concatenate([np.stack([t.x, t.y, t.z], axis=1)[np.stack([t.i, t.j, t.k], axis=1)] for t in traces])
    colours = np.concatenate([np.tile(to_rgb(t.color), (len(t.i), 1)) for t in traces])
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = np.abs(normals @ to_eye) / np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
    order = np.argsort(corners.mean(axis=1) @ to_eye, kind="stable")
    shaded = colours * (_AMBIENT + (1 - _AMBIENT) * facing)[:, None]
    opacity = np.concatenate([np.full(len(t.i), 1.0 if t.opacity is None else t.opacity) for t in traces])
    faces = np.column_stack([shaded, opacity])[order]
    edges = np.where(faces[:, 3:] < 1, 0, faces)  # of an opaque triangle in its colour, or gaps would show
    flat = corners @ np.stack([right, up], axis=1)
    axes.add_collection(
        PolyCollection(flat[order], facecolors=faces, edgecolors=edges, linewidths=0.3, rasterized=True)
    )
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.legend(
        handles=[Patch(color=t.color, label=legend_label(t.name)) for t in traces if t.name],
        loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0,
    )  # fmt: skip
