"""OSIC's report page, training."""

from pulmo.report.sections import Draw

FIGURES: tuple[Draw, ...] = ()
