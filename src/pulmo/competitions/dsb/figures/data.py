"""DSB's report page, the data."""

from pulmo.report.sections import Draw

FIGURES: tuple[Draw, ...] = ()
