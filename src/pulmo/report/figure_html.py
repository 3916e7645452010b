"""A figure's picture → the HTML that shows it: SVG in the page's colours, plotly's JSON, a table that sorts."""

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

from pulmo.report.style import BLUE, GREY, INK, PALE, PAPER, styled

PIXELS_PER_INCH = 96  # of a drawing at its natural size, as CSS has it
GROWTH = 1.35  # a picture may be shown so much larger than it was drawn
DOUBLE_INCHES, WIDE_INCHES = 5.0, 9.5  # wider pictures have two of the page's columns, or all, to themselves
PAGE_PIXELS, GAP_PIXELS = 1240, 12  # of a wide page
FEWER = 0.6  # columns are widened to have at least so many of those that fit
FEW_LETTERS = 20
IMAGE_DPI = 144
WEBP_QUALITY = 82
SMALL_IMAGE = 4096  # bytes: a heat map of a few cells is kept exactly

_THEME = {INK: "var(--ink)", GREY: "var(--grey)", PALE: "var(--pale)", PAPER: "var(--paper)", BLUE: "var(--blue)"}


class Link(NamedTuple):
    """A table's cell that leads to another file, given relative to the page's own."""

    text: str
    target: str


class Shown(NamedTuple):
    """A picture's HTML; how wide it would like to be, and whether plotly.js is needed."""

    text: str
    inches: float
    plotly: bool = False

    @property
    def width(self) -> str:
        """The class of `page.css`."""
        return "wide" if self.inches > WIDE_INCHES else "double" if self.inches > DOUBLE_INCHES else "single"


def show(picture: Any, alternative: str, name: str) -> Shown:
    """The HTML of a picture, of any kind that `page.Picture` names; `name` is unique in the page."""
    if isinstance(picture, Drawing):
        drawn = f'<div style="max-width: {_shown_pixels(picture)}px">{svg(picture)}</div>'
        return Shown(_image(drawn, alternative), picture.get_figwidth())
    if isinstance(picture, pd.DataFrame):
        return Shown(table(picture, alternative), _table_inches(picture))
    if isinstance(picture, Sequence):
        return Shown(_image(_panels(picture), alternative), sum(drawing.get_figwidth() for drawing in picture))
    return Shown(_plot(picture, alternative, name), _plot_inches(picture), plotly=True)


def svg(drawing: Drawing) -> str:
    """A matplotlib figure as an SVG element without size of its own, in the page's colours and letters.

    Images in it become WebP where that is smaller. The same figure gives the same text.
    """
    file = io.StringIO()
    with styled():
        drawing.set_dpi(IMAGE_DPI)
        for patch in (drawing.patch, *(axes.patch for axes in drawing.axes)):
            patch.set_visible(False)
        # Not by `savefig`, which draws everything twice.
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
    """A table whose columns sort; the index is not shown. Numbers are right-aligned, missing ones a dash."""
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


def packed(text: str) -> str:
    """Text that `page.js` unpacks: gzip in base64, the same for the same text."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _panels(drawings: Sequence[Drawing]) -> str:
    least = _panel_pixels(min(drawing.get_figwidth() for drawing in drawings) * PIXELS_PER_INCH, len(drawings))
    most = max(map(_shown_pixels, drawings))
    cells = "\n".join(f'<div style="max-width: {most}px">{svg(drawing)}</div>' for drawing in drawings)
    columns = f"repeat(auto-fill, minmax(min(100%, {least:.0f}px), 1fr))"
    return f'<div class="panels" style="grid-template-columns: {columns}">{cells}</div>'


def _panel_pixels(least: float, count: int) -> float:
    """How wide a panel must at least be, so that the last row on a wide page is as full as may be."""
    fit = max(1, int((PAGE_PIXELS + GAP_PIXELS) // (least + GAP_PIXELS)))
    columns = min(range(fit, round(FEWER * fit), -1) or [1], key=lambda columns: -count % columns)
    return max(least, (PAGE_PIXELS - columns * GAP_PIXELS) / (columns + 1) + 1)


def _shown_pixels(drawing: Drawing) -> int:
    return round(drawing.get_figwidth() * PIXELS_PER_INCH * GROWTH)


def _table_inches(rows: pd.DataFrame) -> float:
    """About a twelfth of an inch a letter."""
    letters = [max([len(str(name)) + 3, *(len(str(value)) for value in rows[name])]) for name in rows.columns]
    return sum(min(count, 60) + 2 for count in letters) / 12


def _plot_inches(picture: Any) -> float:
    wanted = picture.layout.width
    picture.update_layout(width=None)  # the page decides in the end
    return WIDE_INCHES + 1 if wanted is None else wanted / PIXELS_PER_INCH


def _image(content: str, alternative: str) -> str:
    return f'<div role="img" aria-label="{html.escape(alternative)}">{content}</div>'


def _plot(picture: Any, alternative: str, name: str) -> str:
    height = picture.layout.height or 420
    turns = bool(picture.layout.meta and picture.layout.meta.get("turns"))
    button = '<button type="button" hidden>Turn</button>' if turns else ""
    return (
        f'<div><div class="plot" role="img" aria-label="{html.escape(alternative)}" data-figure="{name}-figure"'
        f'{" data-turns" if turns else ""} style="height: {height:.0f}px"></div>{button}'
        f'<script type="text/plain" id="{name}-figure">{packed(picture.to_json())}</script>'
        f"<noscript>{html.escape(alternative)}</noscript></div>"
    )


def _smaller_image(found: re.Match[str]) -> str:
    png = base64.b64decode(found[1])
    if len(png) <= SMALL_IMAGE:
        return found[0]
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).save(file, "WEBP", quality=WEBP_QUALITY, method=4)
    kind, content = min(("png", png), ("webp", file.getvalue()), key=lambda each: len(each[1]))
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _cell(value: Any, number: bool) -> str:
    if isinstance(value, Link):
        return f'<td><a href="{html.escape(value.target)}">{html.escape(value.text)}</a></td>'
    if not number:
        return f"<td>{_unbroken(html.escape(str(value)))}</td>" if not pd.isna(value) else '<td data-value="">–</td>'
    if pd.isna(value):
        return '<td class="number" data-value="">–</td>'
    return f'<td class="number" data-value="{float(value)!r}">{_number(value)}</td>'


def _unbroken(text: str) -> str:
    """A few words stay in one line."""
    return text.replace(" ", "\u00a0") if len(text) <= FEW_LETTERS else text


def _number(value: Any) -> str:
    whole = isinstance(value, Integral) or abs(value) >= 1000
    text = f"{value:,.0f}" if whole else f"{value:.4g}"
    return text.replace("-", "−")


def _class(number: bool) -> str:
    return ' class="number"' if number else ""
