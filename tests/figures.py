"""A run's figures as the page has them."""

from pathlib import Path

from pulmo.pipeline.runner import Run
from pulmo.report.page import Figure, PageSection, write_page
from pulmo.report.sections import SECTIONS, draw_section

LARGEST_PAGE = 15e6


def sections_of(run: Run, *names: str) -> list[PageSection]:
    """The sections of those names, by default all; a figure that fails is a warning, so the test fails."""
    modules = {name: run.competition.figure_section(name) for name in names or SECTIONS}
    return [draw_section(run, name, module.FIGURES) for name, module in modules.items() if module]


def figures_of(sections: list[PageSection]) -> dict[str, Figure]:
    """By title."""
    return {figure.title: figure for section in sections for figure in section.figures}


def remarks_of(sections: list[PageSection]) -> list[str]:
    """What is left out, and why."""
    return [remark for section in sections for remark in section.remarks]


def check_page(sections: list[PageSection], path: Path) -> None:
    """Written, it holds every figure, each with a sentence and an alternative, and is not too large."""
    write_page(path, "title", "lead", sections)
    text = path.read_text()
    assert len(text) < LARGEST_PAGE
    for section in sections:
        for figure in section.figures:
            assert figure.caption.rstrip().endswith("."), figure.title
            assert figure.alt_text, figure.title
    assert text.count("<figcaption>") == sum(len(section.figures) for section in sections)
