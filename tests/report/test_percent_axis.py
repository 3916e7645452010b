"""The logarithmic axis of fractions, in per cent."""

from matplotlib.figure import Figure

from pulmo.report.percent_axis import log_percent_axis


def test_ticks_are_round_percentages() -> None:
    axes = Figure().subplots()
    axes.plot([0.0004, 0.05], [0, 1])
    log_percent_axis(axes)
    low, high = axes.get_xlim()
    shown = [place for place in axes.get_xticks() if low <= place <= high]
    labels = axes.xaxis.get_major_formatter().format_ticks(shown)
    assert labels == ["0.1 %", "0.3 %", "1 %", "3 %"]
