"""A logarithmic axis of fractions, labelled in per cent."""

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

_PARTS = (1.0, 3.0)
_POWERS = range(-6, 1)


def log_percent_axis(axes: Axes) -> None:
    """Make the x axis logarithmic, with ticks at 1 and 3 times each power of ten, in per cent."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([part * 10.0**power for power in _POWERS for part in _PARTS]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda fraction, _: f"{100 * fraction:g} %"))
