"""Writes one self-contained HTML page: sections of figures with captions."""

import html
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.pipeline.disk import atomically, writing_to
from pulmo.report.figure_html import RenderedFigure, compressed, render

Content = Any
"""The content of a figure, readable in light and dark themes and on a phone:

- a matplotlib figure from `style.panel`, saved as SVG in the page's colours with its images as WebP; scatter plots of
  more than some hundred points should be `rasterized=True`. On a phone it is as wide as the screen: 4 inches are
  readable there, 7 are hardly;
- a list of such figures, small ones, laid out in as many columns as fit, for many X-rays or panels;
- a plotly `Figure` from `style.interactive` or `style.rotating`, with hover labels or a rotating 3-D scene;
- a small pandas table with sortable columns, without its index; a cell may be a `figure_html.Link`.
"""


class Figure(NamedTuple):
    """One figure with its caption, and `alt_text`, a description for screen readers."""

    title: str
    caption: str
    content: Content
    alt_text: str


class PageSection(NamedTuple):
    """A section of the page; `remarks` are sentences below the figures, such as those left out and why."""

    title: str
    figures: Sequence[Figure]
    remarks: Sequence[str] = ()


def write_page(path: Path, title: str, lead: str, sections: Sequence[PageSection]) -> None:
    """Write the page, one file without external resources.

    Args:
        path: of the HTML file; its folder is created.
        title: the page's heading.
        lead: one or two sentences below it.
        sections: in order, with unique titles.
    """
    rendered = [(section, [_render(figure, section) for figure in section.figures]) for section in sections]
    needs_plotly = any(figure.plotly for _, figures in rendered for figure in figures)
    links = "".join(f'<a href="#{_slug(section.title)}">{html.escape(section.title)}</a>' for section in sections)
    body = "\n".join(_section(section, figures) for section, figures in rendered)
    text = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_CONTENT_SECURITY_POLICY}">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{_asset("page.css")}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the figures</a>
<header><h1>{html.escape(title)}</h1><p>{_prose(lead)}</p></header>
<nav aria-label="Sections"><div>{links}<button type="button" id="theme">Dark</button></div></nav>
<main id="main" tabindex="-1">
{body}
</main>
<footer>{html.escape(NOT_FOR_CLINICAL_USE)} Drawn by pulmo; this page loads no external resources.</footer>
{_plotly() if needs_plotly else ""}<script>
{_asset("page.js")}</script>
</body>
</html>
"""
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomically(path, lambda started: started.write_text(text, encoding="utf-8", errors="backslashreplace"))


_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'"
)
"""Blocks every request; plotly.js needs `unsafe-eval`."""


def _render(figure: Figure, section: PageSection) -> RenderedFigure:
    name = _slug(f"{section.title} {figure.title}")
    rendered = render(figure.content, figure.alt_text, name)
    text = (
        f'<figure id="{name}" class="{rendered.width}">'
        f"<figcaption><h3>{html.escape(figure.title)}</h3><p>{_prose(figure.caption)}</p></figcaption>\n"
        f"{rendered.text}</figure>"
    )
    return rendered._replace(text=text)


def _section(section: PageSection, figures: Sequence[RenderedFigure]) -> str:
    name = _slug(section.title)
    remarks = "".join(f"<li>{_prose(remark)}</li>" for remark in section.remarks)
    return "\n".join(
        [
            f'<section id="{name}" aria-labelledby="{name}-heading">',
            f'<h2 id="{name}-heading">{html.escape(section.title)}</h2>',
            f'<div class="figures">{"".join(figure.text for figure in figures)}</div>' if figures else "",
            f'<ul class="remarks">{remarks}</ul>' if remarks else "",
            "</section>",
        ]
    )


def _plotly() -> str:
    from plotly.offline import get_plotlyjs  # takes half a second; needed for pages with plots only

    return f'<script type="text/plain" id="plotly">{compressed(get_plotlyjs())}</script>\n'


def _asset(name: str) -> str:
    return (resources.files("pulmo.report") / name).read_text(encoding="utf-8")


def _prose(text: str) -> str:
    """Escaped text, with `backticks` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
