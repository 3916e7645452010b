"""Small charts of tables: histograms, bar charts, scatter plots, estimates with standard errors, heat maps."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Drawing

from pulmo.report.style import BLUE, INK, SKY, legend_above, legend_label, panel, text_on


class Groups(NamedTuple):
    """A grouping column, and each group's colour in the order of the legend."""

    column: str
    colours: Mapping[str, str]


def histogram(values: Any, label: str, counted: str, bins: int | Sequence[float] = 20) -> Drawing:
    """A histogram; `label` names the values, `counted` what is counted. Missing values are left out."""
    known = np.asarray(values, np.float64)
    with panel(4, 2.6) as drawing:
        axes = drawing.subplots()
        axes.hist(known[np.isfinite(known)], bins=bins, color=BLUE, rwidth=0.92)
        axes.set(xlabel=label, ylabel=counted)
        axes.grid(visible=False, axis="x")
    return drawing


def histogram_by_group(table: pd.DataFrame, column: str, label: str, groups: Groups) -> Drawing:
    """Each group's distribution, normalized to area 1, so that small groups are visible beside large ones.

    The legend has each group's number of rows, as small groups give rough distributions.
    """
    known = table[table[column].notna()]
    edges = np.histogram_bin_edges(known[column], bins=int(np.clip(2 * np.sqrt(len(known)), 6, 24))).tolist()
    with panel(2.9, 2.6) as drawing:
        axes = drawing.subplots()
        for name, colour in groups.colours.items():
            values = known.loc[known[groups.column] == name, column]
            if len(values):
                axes.hist(values, edges, density=True, histtype="stepfilled", color=colour, alpha=0.18)
                axes.hist(
                    values,
                    edges,
                    density=True,
                    histtype="step",
                    color=colour,
                    linewidth=1.6,
                    label=_group(name, values),
                )
        axes.set(xlabel=label, ylabel="density")
        axes.tick_params(axis="y", labelsize=7)
        legend_above(axes, fontsize=7, handlelength=1)
    return drawing


def coverage_map(share: np.ndarray, side: int, label: str) -> Drawing:
    """A heat map of how often each part of a square image is covered.

    Args:
        share: (rows, columns) of a grid over the image, 0 to 1.
        side: of the image, pixels.
        label: of the colour bar.
    """
    with panel(3.8, 3.0) as drawing:
        drawing.set_layout_engine("compressed")  # for axes of fixed proportions: the other cuts the labels off
        axes = drawing.subplots()
        image = axes.imshow(share, cmap="inferno", vmin=0, extent=(0, side, side, 0), interpolation="none")
        ticks = range(0, side + 1, side // 4)
        axes.set(xlabel="pixels across", ylabel="pixels down", xticks=ticks, yticks=ticks)
        axes.grid(visible=False)
        drawing.colorbar(image, label=label, fraction=0.05)
    return drawing


def bars(counts: pd.Series, counted: str) -> Drawing:
    """Horizontal bars of counts, each with its number and percentage; `counted` names what is counted."""
    total = max(1, int(counts.sum()))
    with panel(4.2, 0.7 + 0.34 * len(counts)) as drawing:
        axes = drawing.subplots()
        positions = np.arange(len(counts))[::-1]
        axes.barh(positions, counts, color=BLUE, height=0.7)
        for place, count in zip(positions, counts, strict=True):
            axes.annotate(
                f"{count:,} ({count / total:.0%})", (count, place), (4, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(positions, [str(name) for name in counts.index], color=INK)
        axes.set(xlabel=counted, xlim=(0, 1.3 * max(1, counts.max())))
        axes.grid(visible=False)
    return drawing


def value_bars(values: Mapping[str, float], label: str) -> Drawing:
    """Horizontal bars of values other than counts, such as weights, the first at the top."""
    with panel(4.2, 0.7 + 0.34 * len(values)) as drawing:
        axes = drawing.subplots()
        positions = np.arange(len(values))[::-1]
        axes.barh(positions, list(values.values()), color=BLUE, height=0.7)
        for place, value in zip(positions, values.values(), strict=True):
            axes.annotate(f"{value:.3f}", (value, place), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(positions, list(values), color=INK)
        axes.set(xlabel=label)
        axes.margins(x=0.15)
        axes.grid(visible=False)
    return drawing


def draw_estimates(axes: Axes, names: Sequence[str], values: Any, errors: Any) -> None:
    """Values with error bars of ± 2 standard errors, the first at the top."""
    positions = np.arange(len(names))[::-1]
    axes.errorbar(values, positions, xerr=2 * np.asarray(errors), fmt="o", color=BLUE, ecolor=SKY, capsize=3)
    axes.set_yticks(positions, list(names), color=INK)


def scatter_by_group(table: pd.DataFrame, x: tuple[str, str], y: tuple[str, str], groups: Groups) -> Drawing:
    """A scatter plot; `x` and `y` are (column, label); the legend has the numbers of points.

    Points are rasterized, as there may be thousands.
    """
    with panel(2.9, 2.5) as drawing:
        axes = drawing.subplots()
        for name, colour in groups.colours.items():
            rows = table[table[groups.column] == name]
            if len(rows):
                axes.plot(
                    *(rows[x[0]], rows[y[0]]),
                    ".",
                    color=colour,
                    markersize=3,
                    alpha=0.6,
                    label=_group(name, rows),
                    rasterized=True,
                )
        axes.set(xlabel=x[1], ylabel=y[1])
        legend_above(axes, fontsize=7, handlelength=1, markerscale=2)
    return drawing


def _group(name: str, rows: Sized) -> str:
    return legend_label(f"{name}, n = {len(rows):,}")


def heat_map(numbers: pd.DataFrame, limits: tuple[float, float], inches: float = 4.0) -> Drawing:
    """A heat map from blue over white to red between `limits`, each value printed in its cell."""
    (low, high), values = limits, numbers.to_numpy(np.float64)
    with panel(inches, inches * 0.85 * len(numbers) / len(numbers.columns) + 0.4) as drawing:
        axes = drawing.subplots()
        image = axes.imshow(values, cmap="RdBu_r", vmin=low, vmax=high, interpolation="none", aspect="auto")
        for row, column in np.ndindex(values.shape):
            value = values[row, column]
            colour = text_on(to_hex(image.cmap(image.norm(value))))
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
        axes.set_xticks(range(len(numbers.columns)), list(numbers.columns), color=INK)
        axes.set_yticks(range(len(numbers)), [str(name) for name in numbers.index], color=INK)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    return drawing
