"""Still pictures of plotly figures show the same marks."""

import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb

from pulmo.report.still import draw_still
from pulmo.report.style import BLUE, ORANGE, interactive, rotating


def test_lines_break_where_plotlys_do() -> None:
    plot = go.Figure()
    plot.add_scatter(x=[0, 1, None, 2], y=[5, 6, None, 7], name="one", mode="lines+markers", line={"color": BLUE})
    plot.add_scatter(x=[3], y=[4], name="two", mode="markers", line={"color": ORANGE})
    (axes,) = draw_still(interactive(plot, 300).update_layout(xaxis_title="weeks", yaxis_title="ml")).axes
    first, second = axes.lines
    np.testing.assert_array_equal(first.get_xydata(), [[0.0, 5.0], [1.0, 6.0], [np.nan, np.nan], [2.0, 7.0]])
    assert (first.get_color(), first.get_marker()) == (BLUE, "o")
    assert (second.get_linewidth(), second.get_color()) == (0, ORANGE)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("weeks", "ml")
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]


def test_bars_have_their_heights_and_colours() -> None:
    plot = go.Figure(go.Bar(x=[1, 2], y=[3.0, -4.0], marker={"color": [BLUE, ORANGE]}))
    drawing = draw_still(interactive(plot, 300).update_layout(width=480))
    bars = drawing.axes[0].patches
    assert [bar.get_height() for bar in bars] == [3, -4]  # type: ignore[attr-defined]
    assert [bar.get_facecolor()[:3] for bar in bars] == [to_rgb(BLUE), to_rgb(ORANGE)]
    assert drawing.get_size_inches().tolist() == [5, 3.125]


def test_the_nearer_surface_covers_the_farther() -> None:
    """The camera is in front of the patient, at negative y, so the triangle at y = −10 is the nearer one."""
    plot = go.Figure()
    for y, colour in ((-10, BLUE), (10, ORANGE)):
        plot.add_mesh3d(x=[0, 2, 0], y=[y] * 3, z=[0, 0, 2], i=[0], j=[1], k=[2], color=colour, name=colour)
    (axes,) = draw_still(rotating(plot)).axes
    (triangles,) = axes.collections
    assert isinstance(triangles, PolyCollection)
    farther, nearer = np.asarray(triangles.get_facecolor())[:, :3]  # in the order of painting
    assert np.argmax(nearer) == np.argmax(to_rgb(BLUE))
    assert np.argmax(farther) == np.argmax(to_rgb(ORANGE))
    # Up is up: the corner at z = 2 is above the others; the patient's left, x = 2, is on the right.
    corners = np.asarray(triangles.get_paths()[0].vertices)[:3]
    assert corners[2, 1] == corners[:, 1].max()
    assert corners[1, 0] == corners[:, 0].max()


def test_other_traces_are_told() -> None:
    with pytest.raises(NotImplementedError, match="no still picture of pie"):
        draw_still(interactive(go.Figure(go.Pie(values=[1, 2]))))
