"""Shares over several powers of ten, on an axis that says them in per cent."""

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

_PARTS = (1.0, 3.0)
_POWERS = range(-6, 1)


def shares_across(axes: Axes) -> None:
    """Make the axis across logarithmic, its ticks at 1 and 3 of each power of ten."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([part * 10.0**power for power in _POWERS for part in _PARTS]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
