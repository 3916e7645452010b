"""OSIC's report page, results."""

from pulmo.report.sections import Draw

FIGURES: tuple[Draw, ...] = ()
