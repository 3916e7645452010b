"""SIIM's pictures: those drawn beside a submission, and a module of FIGURES for each section of its report page."""

from pulmo.competitions.siim.figures.submission import draw

__all__ = ["draw"]
