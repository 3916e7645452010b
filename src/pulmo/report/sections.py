"""Draws the sections of a competition's page, with remarks on figures that cannot be drawn."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from pulmo.errors import Fault, FigureWarning, UserError
from pulmo.pipeline.cross_validation import differing_from_cv
from pulmo.pipeline.runner import Run, output
from pulmo.pipeline.stage import load
from pulmo.report.page import Figure, PageSection

Draw = Callable[[Run], Figure]
"""A function that draws one figure of a run: `paths.data` holds Kaggle's files, `read` returns stages' outputs.

Missing input raises a `UserError`: `read` for stages that have not been run, the competition's readers for Kaggle's
files, `CannotDrawError` for everything else.
"""

SECTIONS = {
    "data": "Data",
    "preprocessing": "Preprocessing",
    "training": "Training",
    "results": "Results",
    "errors": "Errors",
}
"""Modules of a competition's `figures`, each with `FIGURES: tuple[Draw, ...]`, and the section's heading."""


def read(run: Run, name: str) -> Any:
    """An output of a stage, `stage/output`: a table, an array (memory-mapped) or a JSON value.

    Raises:
        UserError: the stage has not been run, or it is cross-validation with other settings than the run's.
    """
    path = output(run, name)
    if name.startswith(f"{run.competition.cv.name}/") and (differing := differing_from_cv(run)):
        what = f"cross-validation differs from the run in {', '.join(differing)}"
        raise CannotDrawError(str(path.parent), what, f"Run `pulmo {run.competition.name} cv` again")
    return load(path)


class CannotDrawError(UserError):
    """A figure's input is missing."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        """The file or folder, what is missing there, and the remedy."""
        super().__init__(Fault(where, what, remedy))


def draw_section(run: Run, module: str, figures: Sequence[Draw]) -> PageSection:
    """Draw all figures that can be drawn; remarks give the reason for each of the others."""
    drawn: list[Figure] = []
    reasons: dict[str, list[str]] = {}
    for draw in figures:
        try:
            drawn.append(draw(run))
            continue
        except UserError as error:
            reason = str(error.faults[0])
        except Exception as error:  # a page without one figure is better than none; tests treat warnings as errors
            warnings.warn(f"{draw.__module__}.{draw.__name__} failed: {error!r}", FigureWarning, stacklevel=2)
            reason = f"It could not be drawn from these data ({error!r})."
        reasons.setdefault(reason, []).append(draw.__name__.replace("_", " "))
    remarks = [f"{', '.join(names).capitalize()}: left out. {reason}" for reason, names in reasons.items()]
    return PageSection(SECTIONS[module], drawn, remarks)
