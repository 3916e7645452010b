"""RSNA's figures: those drawn beside a submission, and one module of FIGURES per section of the report page."""

from pulmo.competitions.rsna.figures.submission import draw

__all__ = ["draw"]
