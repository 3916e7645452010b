"""RSNA's figures: those drawn beside a submission, and a module of FIGURES for each section of the report page."""

from pulmo.competitions.rsna.figures.submission import draw

__all__ = ["draw"]
