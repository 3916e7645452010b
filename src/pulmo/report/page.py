"""One self-contained HTML page: sections of figures, each with a sentence that tells what to see."""

import html
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.pipeline.disk import atomically, writing_to
from pulmo.report.figure_html import Shown, packed, show

Picture = Any
"""What a figure shows, each at home in light and dark, and on a phone:

- a matplotlib figure from `style.panel` (saved as SVG that takes the page's colours; its images become WebP; mark
  scatters of more than some hundred points `rasterized=True`). On a phone it is as wide as the screen: 4 inches are
  good there, 7 hard to read;
- a list of such figures, small ones, flowing into as many columns as fit: the way to many X-rays or many panels;
- a plotly `Figure` from `style.interactive` or `style.turning`, where a picture should be hovered or turn;
- a small pandas table, whose columns sort; its index is not shown, a cell may be a `pictures.Link`.
"""


class Figure(NamedTuple):
    """One figure: `caption` is a sentence on what to see, `alternative` stands for it where it is not seen."""

    title: str
    caption: str
    picture: Picture
    alternative: str


class Section(NamedTuple):
    """A part of the page, under its heading; `remarks` are sentences, such as what is left out and why."""

    title: str
    figures: Sequence[Figure]
    remarks: Sequence[str] = ()


def write_page(path: Path, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Write the page; it opens from disk and asks for nothing else.

    Args:
        path: the HTML file; its folder is made.
        title: the page's heading.
        lead: a sentence or two below it.
        sections: in order, each with a title of its own.
    """
    shown = [(section, [_show(figure, section) for figure in section.figures]) for section in sections]
    needs_plotly = any(figure.plotly for _, figures in shown for figure in figures)
    links = "".join(f'<a href="#{_slug(section.title)}">{html.escape(section.title)}</a>' for section in sections)
    body = "\n".join(_section(section, figures) for section, figures in shown)
    text = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_NOTHING_FROM_OUTSIDE}">
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
<footer>{html.escape(NOT_FOR_CLINICAL_USE)} Drawn by pulmo; nothing in this page comes from a network.</footer>
{_plotly() if needs_plotly else ""}<script>
{_asset("page.js")}</script>
</body>
</html>
"""
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomically(path, lambda started: started.write_text(text, encoding="utf-8", errors="backslashreplace"))


_NOTHING_FROM_OUTSIDE = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'"
)
"""The browser itself refuses every request; plotly.js makes functions from text."""


def _show(figure: Figure, section: Section) -> Shown:
    name = _slug(f"{section.title} {figure.title}")
    picture = show(figure.picture, figure.alternative, name)
    text = (
        f'<figure id="{name}" class="{picture.width}">'
        f"<figcaption><h3>{html.escape(figure.title)}</h3><p>{_prose(figure.caption)}</p></figcaption>\n"
        f"{picture.text}</figure>"
    )
    return picture._replace(text=text)


def _section(section: Section, figures: Sequence[Shown]) -> str:
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
    from plotly.offline import get_plotlyjs  # half a second, and only pages with plots need it

    return f'<script type="text/plain" id="plotly">{packed(get_plotlyjs())}</script>\n'


def _asset(name: str) -> str:
    return (resources.files("pulmo.report") / name).read_text(encoding="utf-8")


def _prose(text: str) -> str:
    """Sentences; what stands in `backticks` is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
