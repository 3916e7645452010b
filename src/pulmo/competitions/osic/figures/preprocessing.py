"""OSIC's report page, preprocessing."""

from pulmo.report.sections import Draw

FIGURES: tuple[Draw, ...] = ()
