"""Charts show the values of their tables."""

import numpy as np
from matplotlib.container import ErrorbarContainer

from pulmo.report.charts import draw_estimates
from pulmo.report.style import panel


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
