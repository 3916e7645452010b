"""The style of all figures: a palette for colour-blind readers, light axes, and a footer."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatter

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.pipeline.disk import writing_to

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/).
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
INK, GREY, PALE, PAPER = "#222222", "#777777", "#DDDDDD", "#FFFFFF"
LIGHT, DARK = "#FEFEFE", "#000000"  # of text on a coloured ground, which is the same in both themes; see `text_on`
LEFT_COLOUR, RIGHT_COLOUR = ORANGE, SKY

STYLE: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "figure.dpi": 110,
    "svg.hashsalt": "pulmo",
    "svg.fonttype": "none",
    "text.parse_math": False,  # names from data may hold any $; see `plain_powers`
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply the common style, without warnings about characters missing from the font: names come in every script."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def plain_powers(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers, 1,000, instead of matplotlib's formulas, 10³."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(LogFormatter())


def legend_above(axes: Axes, columns: int = 1, **style: Any) -> None:
    """A legend above the axes, where it covers no line and no point."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, ncols=columns, **{"fontsize": 8, **style})


def text_on(colour: str) -> str:
    """LIGHT or DARK, whichever has more contrast on a colour (WCAG's, https://www.w3.org/TR/WCAG21/#contrast-minimum)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return DARK if (luminance + 0.05) ** 2 > 0.05 * 1.05 else LIGHT


def legend_label(name: str) -> str:
    """A legend label for any name; matplotlib would leave out names that begin with `_`."""
    return f"\u200b{name}" if name.startswith("_") else name


@contextmanager
def figure(
    width_inches: float, height_inches: float, path: Path, footer: str = NOT_FOR_CLINICAL_USE
) -> Iterator[Figure]:
    """A figure in the common style, saved to `path` when the block ends; no window, no global state."""
    with styled():
        drawing = Figure(figsize=(width_inches, height_inches), layout="constrained")
        yield drawing
        drawing.supxlabel(footer, fontsize=7, color=GREY, x=0.01, ha="left")
        with writing_to(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            drawing.savefig(path, metadata={"Software": None} if path.suffix == ".png" else None)


@contextmanager
def panel(width_inches: float, height_inches: float) -> Iterator[Figure]:
    """A small figure in the common style for a page, without a footer, on a transparent background.

    INK, GREY, PALE, PAPER and BLUE are replaced by the theme's colours; the others are the same in both themes.
    """
    with styled():
        yield Figure(figsize=(width_inches, height_inches), layout="constrained")


def interactive(plot: Any, height_pixels: int = 420) -> Any:
    """Apply the page's style to a plotly figure: font, theme colours, height, transparent background; scenes in mm."""
    axis = {"gridcolor": PALE, "linecolor": GREY, "zerolinecolor": PALE, "tickfont": {"color": GREY}}
    scene_axis = {"gridcolor": PALE, "showbackground": False, "title": "", "color": GREY, "nticks": 4}
    scene_axis |= {"ticksuffix": " mm", "showticksuffix": "last"}
    plot.update_layout(
        template="none",
        height=height_pixels,
        font={"color": INK, "family": "system-ui, sans-serif", "size": 12},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=[BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE],
        margin={"l": 50, "r": 10, "t": 30, "b": 45},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1},
    )
    plot.update_xaxes(**axis, automargin=True, title_standoff=8)
    plot.update_yaxes(**axis, automargin=True, title_standoff=8)
    plot.update_scenes(aspectmode="data", **{f"{name}axis": scene_axis for name in "xyz"})
    return plot


CAMERA_EYE = {"x": 1.5, "y": -2.2, "z": 0.5}
"""The initial camera position, far enough for the axes' numbers on a phone; `page.js` rotates it about the vertical
axis."""


def rotating(plot: Any, height_pixels: int = 420) -> Any:
    """`interactive`, for a three-dimensional plotly figure that rotates until it is touched."""
    interactive(plot, height_pixels).update_layout(
        meta={"rotates": True}, margin={"l": 0, "r": 0, "t": 0, "b": 0}, scene={"camera": {"eye": CAMERA_EYE}}
    )
    return plot
