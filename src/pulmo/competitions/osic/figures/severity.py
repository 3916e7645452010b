"""Severity bands of the OSIC report, by Percent."""

from pulmo.report.style import BLUE, ORANGE, SKY, VERMILION

BANDS = {"normal": BLUE, "mild": SKY, "moderate": ORANGE, "severe": VERMILION}
"""Bands from normal to severe, with their colours."""

SOURCE = (
    "Bands by Percent as in the OSIC project report that this solution follows: normal from 80, mild from 70, moderate "
    "from 60, severe below. They are not a clinical grading: the GAP index divides at 75 and 50 (Ley et al., Ann "
    "Intern Med 2012; 156: 684)."
)

_MIN_PERCENT = {"normal": 80.0, "mild": 70.0, "moderate": 60.0}


def severity(percent: float) -> str:
    """The band of a Percent: normal from 80, mild from 70, moderate from 60, severe below."""
    return next((band for band, minimum in _MIN_PERCENT.items() if percent >= minimum), "severe")
