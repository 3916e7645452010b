"""Charts show the values of their tables."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure as Drawing

from pulmo.report.charts import Groups, coverage_map, draw_estimates, heat_map, histogram_by_group, scatter_by_group
from pulmo.report.curves import draw_curves
from pulmo.report.figure_html import svg
from pulmo.report.style import BLUE, ORANGE, SKY, VERMILION, panel, styled, text_on

POINTS = pd.DataFrame({"x": np.arange(40) % 7, "y": np.arange(40) % 5, "kind": ["even", "odd"] * 20})
KINDS = Groups("kind", {"even": BLUE, "odd": VERMILION})
HISTORY = pd.DataFrame({"fold": 0, "epoch": range(3), "loss": [3.0, 2.0, 1.0], "monitored_loss": [3.0, 2.5, 2.0]})


def test_estimates_have_error_bars_of_two_standard_errors() -> None:
    with panel(4, 2) as drawing:
        axes = drawing.subplots()
        draw_estimates(axes, ["first", "second"], [0.5, 0.8], [0.1, 0.05])
    (drawn,) = axes.containers
    assert isinstance(drawn, ErrorbarContainer)
    points, _, (bars,) = drawn.lines
    np.testing.assert_array_equal(points.get_xydata(), [[0.5, 1], [0.8, 0]])
    np.testing.assert_allclose([segment[:, 0] for segment in bars.get_segments()], [[0.3, 0.7], [0.7, 0.9]])
    labels = {label.get_text(): label.get_position()[1] for label in axes.get_yticklabels()}
    assert labels == {"first": 1, "second": 0}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: scatter_by_group(POINTS, ("x", "x"), ("y", "y"), KINDS),
        lambda: histogram_by_group(POINTS, "x", "x", KINDS),
        lambda: draw_curves(HISTORY, "loss"),
    ],
)
def test_a_legend_covers_nothing(draw: Callable[[], Drawing]) -> None:
    with styled():
        drawing = draw()
        drawing.draw_without_rendering()
    (axes,) = drawing.axes
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y0 >= axes.get_window_extent().y1


def test_labels_of_square_axes_are_whole() -> None:
    with styled():
        drawing = coverage_map(np.eye(4), 1024, "fraction of masks")
        drawing.draw_without_rendering()
    for axes in drawing.axes:
        box = axes.get_tightbbox()
        assert box is not None
        assert drawing.bbox.x0 <= box.x0 < box.x1 <= drawing.bbox.x1
        assert drawing.bbox.y0 <= box.y0 < box.y1 <= drawing.bbox.y1


@pytest.mark.parametrize(
    ("ground", "letters"),
    [(BLUE, "#FEFEFE"), (SKY, "#000000"), (ORANGE, "#000000"), ("#67001F", "#FEFEFE"), ("#FFFFFF", "#000000")],
)
def test_text_on_a_colour_has_the_higher_contrast(ground: str, letters: str) -> None:
    # Luminance of BLUE 0.155, SKY 0.387, ORANGE 0.420: black and white are equal at sqrt(0.05 * 1.05) - 0.05 = 0.179.
    assert text_on(ground) == letters


def test_numbers_of_a_heat_map_keep_their_colour_in_the_dark() -> None:
    text = svg(heat_map(pd.DataFrame([[1.0, 0.0]], index=["a"], columns=["a", "b"]), (-1, 1)))
    assert "fill: #fefefe" in text
    assert "var(--paper)" not in text
