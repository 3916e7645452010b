"""How severe the disease is, by Percent: the OSIC report's bands."""

from pulmo.report.style import BLUE, ORANGE, SKY, VERMILION

BANDS = {"normal": BLUE, "mild": SKY, "moderate": ORANGE, "severe": VERMILION}
"""From the lightest to the most severe, each with its colour."""

_LEAST_PERCENT = {"normal": 80.0, "mild": 70.0, "moderate": 60.0}


def severity(percent: float) -> str:
    """The band of a Percent: normal from 80, mild from 70, moderate from 60, severe below."""
    return next((band for band, least in _LEAST_PERCENT.items() if percent >= least), "severe")
