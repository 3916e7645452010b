"""SIIM's report page, the largest errors."""

from pulmo.report.sections import Draw

FIGURES: tuple[Draw, ...] = ()
