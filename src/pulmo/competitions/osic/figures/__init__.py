"""OSIC's pictures: those drawn beside a submission, and a module of FIGURES for each section of its report page."""

from pulmo.competitions.osic.figures.submission import draw

__all__ = ["draw"]
