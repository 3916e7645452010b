"""Renders a figure's content as HTML: SVG in the page's colours, plotly JSON, sortable tables."""

import base64
import gzip
import html
import io
import re
from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Drawing
from PIL import Image

from pulmo.report.still import draw_still
from pulmo.report.style import BLUE, GREY, INK, PALE, PAPER, styled

PIXELS_PER_INCH = 96  # CSS pixels
MAX_SCALE = 1.35  # the largest magnification of a figure over its natural size
DOUBLE_INCHES, WIDE_INCHES = 5.0, 9.5  # wider drawings span two of the page's columns, or all
COLUMN_INCHES = 3.9  # of a column, at least: drawings shrink to it, but tables do not
PAGE_PIXELS, GAP_PIXELS = 1240, 12  # of a wide page
MIN_SCALE = 0.92  # panels may shrink so far for another column
MIN_COLUMNS = 0.6  # the smallest number of columns, relative to those that fit
SHORT_TEXT, LONG_WORD = 20, 30  # letters: shorter texts stay in one line, longer words may be broken
IMAGE_DPI = 144
WEBP_QUALITY = 82
SMALL_IMAGE = 4096  # bytes; smaller images, such as heat maps of a few cells, stay lossless

_THEME = {INK: "var(--ink)", GREY: "var(--grey)", PALE: "var(--pale)", PAPER: "var(--paper)", BLUE: "var(--blue)"}


class Link(NamedTuple):
    """A table cell that links to another file, relative to the page."""

    text: str
    target: str


class RenderedFigure(NamedTuple):
    """A figure's HTML, its width as a class of `page.css`, and whether it needs plotly.js."""

    text: str
    width: str
    plotly: bool = False


def render(content: Any, alt_text: str, name: str) -> RenderedFigure:
    """The HTML of content of any kind that `page.Content` lists; `name` is unique in the page."""
    if isinstance(content, Drawing):
        drawn = f'<div style="max-width: {_max_pixels(content)}px">{svg(content)}</div>'
        return RenderedFigure(_image(drawn, alt_text), _width(content.get_figwidth()))
    if isinstance(content, pd.DataFrame):
        return RenderedFigure(table(content, alt_text), _width(_table_inches(content), COLUMN_INCHES))
    if isinstance(content, Sequence):
        width = _width(sum(drawing.get_figwidth() for drawing in content))
        return RenderedFigure(_image(_panels(content), alt_text), width)
    still = svg(draw_still(content))
    inches = WIDE_INCHES + 1 if content.layout.width is None else content.layout.width / PIXELS_PER_INCH
    content.update_layout(width=None)  # the page sets it
    return RenderedFigure(_plot(content, still, alt_text, name), _width(inches), plotly=True)


def svg(drawing: Drawing) -> str:
    """A matplotlib figure as an SVG element of relative size, in the page's colours and font.

    Images in it are converted to WebP where that is smaller. Output is deterministic.
    """
    file = io.StringIO()
    with styled():
        drawing.set_dpi(IMAGE_DPI)
        for patch in (drawing.patch, *(axes.patch for axes in drawing.axes)):
            patch.set_visible(False)
        # `savefig` would draw everything twice.
        FigureCanvasSVG(drawing).print_svg(file, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?)width="[^"]*" height="[^"]*"', r'\1aria-hidden="true"', text, count=1)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"| version="1.1"', "", text)
    text = re.sub(r'<g id="[^"]*">', "<g>", text).replace("xlink:href=", "href=")
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", text)
    for colour, themed in _THEME.items():
        text = re.sub(rf"{colour}\b", themed, text, flags=re.IGNORECASE)
    text = re.sub(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)", _smaller_image, text)
    return re.sub(r"\n\s*", "\n", text)


def table(rows: pd.DataFrame, label: str) -> str:
    """A table with sortable columns, without the index. Numbers are right-aligned; missing values are dashes."""
    numeric = [pd.api.types.is_numeric_dtype(rows[name]) for name in rows.columns]
    heads = "".join(
        f'<th scope="col" aria-sort="none"{_class(number)}><button type="button">{html.escape(str(name))}</button></th>'
        for name, number in zip(rows.columns, numeric, strict=True)
    )
    lines = "\n".join(
        f"<tr>{''.join(_cell(value, number) for value, number in zip(row, numeric, strict=True))}</tr>"
        for row in rows.itertuples(index=False, name=None)
    )
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{html.escape(label)}"><table>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>{lines}</tbody></table></div>"
    )


def compressed(text: str) -> str:
    """Text compressed by gzip and encoded in base64, for `page.js`; deterministic."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _width(inches: float, single: float = DOUBLE_INCHES) -> str:
    """The class of a figure that prefers so many inches; `single` of them fit into one column."""
    return "wide" if inches > WIDE_INCHES else "double" if inches > single else "single"


def _panels(drawings: Sequence[Drawing]) -> str:
    narrowest = MIN_SCALE * PIXELS_PER_INCH * min(drawing.get_figwidth() for drawing in drawings)
    min_width = _panel_pixels(narrowest, len(drawings))
    max_width = max(map(_max_pixels, drawings))
    cells = "\n".join(f'<div style="max-width: {max_width}px">{svg(drawing)}</div>' for drawing in drawings)
    return f'<div class="panels" style="--panel: {min_width:.0f}px">{cells}</div>'


def _panel_pixels(min_width: float, count: int) -> float:
    """The minimum width of a panel that fills the last row of a wide page best."""
    fit = max(1, int((PAGE_PIXELS + GAP_PIXELS) // (min_width + GAP_PIXELS)))
    columns = min(range(fit, round(MIN_COLUMNS * fit), -1) or [1], key=lambda columns: -count % columns)
    return max(min_width, (PAGE_PIXELS - columns * GAP_PIXELS) / (columns + 1) + 1)


def _max_pixels(drawing: Drawing) -> int:
    return round(drawing.get_figwidth() * PIXELS_PER_INCH * MAX_SCALE)


def _table_inches(rows: pd.DataFrame) -> float:
    """About a twelfth of an inch per character."""
    letters = [max([len(str(name)) + 3, *(len(str(value)) for value in rows[name])]) for name in rows.columns]
    return sum(min(count, 60) + 2 for count in letters) / 12


def _image(inner: str, alt_text: str) -> str:
    return f'<div role="img" aria-label="{html.escape(alt_text)}">{inner}</div>'


def _plot(content: Any, still: str, alt_text: str, name: str) -> str:
    """The still picture with the interactive one over it, which `page.js` draws."""
    height = content.layout.height or 420
    rotates = bool(content.layout.meta and content.layout.meta.get("rotates"))
    button = '<button type="button" hidden>Rotate</button>' if rotates else ""
    return (
        f'<div><div class="stack" role="img" aria-label="{html.escape(alt_text)}">'
        f'<div class="still" style="height: {height:.0f}px">{still}</div>'
        f'<div class="plot" data-figure="{name}-figure"{" data-rotates" if rotates else ""}'
        f' style="height: {height:.0f}px"></div></div>{button}'
        f'<script type="text/plain" id="{name}-figure">{compressed(content.to_json())}</script></div>'
    )


def _smaller_image(found: re.Match[str]) -> str:
    png = base64.b64decode(found[1])
    if len(png) <= SMALL_IMAGE:
        return found[0]
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).save(file, "WEBP", quality=WEBP_QUALITY, method=4)
    kind, smaller = min(("png", png), ("webp", file.getvalue()), key=lambda each: len(each[1]))
    return f"data:image/{kind};base64,{base64.b64encode(smaller).decode()}"


def _cell(value: Any, number: bool) -> str:
    if isinstance(value, Link):
        return f'<td><a href="{html.escape(value.target)}">{html.escape(value.text)}</a></td>'
    if pd.isna(value):
        return f'<td{_class(number)} data-value="">–</td>'
    if not number:
        return f"<td{_breaks(str(value))}>{html.escape(str(value))}</td>"
    return f'<td class="number" data-value="{float(value)!r}">{_number(value)}</td>'


def _breaks(text: str) -> str:
    """The class of a text by where its lines may be broken: nowhere, in words, or, without a class, between them."""
    if len(text) <= SHORT_TEXT:
        return ' class="short"'
    return ' class="long"' if max(map(len, text.split()), default=0) > LONG_WORD else ""


def _number(value: Any) -> str:
    whole = isinstance(value, Integral) or abs(value) >= 1000
    text = f"{value:,.0f}" if whole else f"{value:.4g}"
    return text.replace("-", "−")


def _class(number: bool) -> str:
    return ' class="number"' if number else ""
