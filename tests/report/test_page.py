"""The page as a file: complete, deterministic, themed, and safe against text from data."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from matplotlib.figure import Figure as Drawing
from PIL import Image

from pulmo.errors import Fault, FigureWarning, UserError
from pulmo.pipeline.runner import Run
from pulmo.report.figure_html import svg, table
from pulmo.report.images import ImagePanel, image_panels
from pulmo.report.page import Figure, PageSection, write_page
from pulmo.report.sections import CannotDrawError, draw_section
from pulmo.report.style import INK, interactive, panel
from tests.browser import plots_of


def drawing() -> Drawing:
    with panel(3, 2) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=INK)
        axes.set_title("a < b & c")
    return figure


def test_the_page_is_deterministic(tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        plot = interactive(go.Figure(go.Bar(y=[1, 2])))
        figures = [Figure("Line", "See.", drawing(), "a line"), Figure("Bars", "See.", plot, "bars")]
        write_page(tmp_path / name, "Title", "Lead.", [PageSection("One", figures)])
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert [plot["data"][0]["type"] for plot in plots_of(tmp_path / "one.html")] == ["bar"]


def test_plotly_is_embedded_once_and_only_if_needed(tmp_path: Path) -> None:
    plots = [Figure(f"Bars {n}", "See.", interactive(go.Figure(go.Bar(y=[n]))), "bars") for n in range(2)]
    write_page(tmp_path / "with.html", "Title", "Lead.", [PageSection("One", plots)])
    write_page(
        tmp_path / "without.html", "Title", "Lead.", [PageSection("One", [Figure("L", "See.", drawing(), "a line")])]
    )
    assert (tmp_path / "with.html").read_text().count('id="plotly"') == 1
    assert (tmp_path / "with.html").stat().st_size < 3e6
    assert (tmp_path / "without.html").stat().st_size < 1e5


def test_text_from_data_is_escaped(tmp_path: Path) -> None:
    nasty = "<script>alert('&')</script>"
    rows = pd.DataFrame({nasty: [nasty]})
    write_page(tmp_path / "page.html", nasty, nasty, [PageSection(nasty, [Figure(nasty, nasty, rows, nasty)], [nasty])])
    assert nasty not in (tmp_path / "page.html").read_text()


def test_drawings_use_the_pages_colours_and_font() -> None:
    text = svg(drawing())
    assert "stroke: var(--ink)" in text
    assert not re.search("#222222|DejaVu", text, re.IGNORECASE)
    assert "a &lt; b &amp; c" in text
    assert re.match(r"<svg [^>]*viewBox=", text)
    assert not re.match(r"<svg [^>]*width=", text)


def test_images_are_small_and_accurate() -> None:
    rows, columns = np.mgrid[:300, :300]
    smooth = np.sin(rows / 40) + np.cos(columns / 50)
    (figure,) = image_panels([ImagePanel(smooth, "waves")])
    kind, content = re.findall(r"data:image/(\w+);base64,([^\"]+)", svg(figure))[0]
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        grey = np.asarray(image.convert("L"), np.float64)
    expected = 255 * (smooth - smooth.min()) / (smooth.max() - smooth.min())
    assert kind == "webp"
    assert len(content) < 30_000
    assert np.abs(grey - expected).mean() < 3


def test_numbers_in_tables() -> None:
    rows = pd.DataFrame({"n": [1234567, 12], "x": [-0.123456, np.nan], "word": [None, "a"]})
    cells = re.findall(r"<td[^>]*>[^<]*</td>", table(rows, "numbers"))
    assert cells == [
        '<td class="number" data-value="1234567.0">1,234,567</td>',
        '<td class="number" data-value="-0.123456">−0.1235</td>',
        '<td data-value="">–</td>',
        '<td class="number" data-value="12.0">12</td>',
        '<td class="number" data-value="">–</td>',
        '<td class="short">a</td>',
    ]


def test_a_figure_that_lacks_its_data_is_left_out_with_the_reason(finished_nothing: Run) -> None:
    def no_data(run: Run) -> Figure:
        raise CannotDrawError("train.csv", "is not there", "Download it")

    def good(run: Run) -> Figure:
        return Figure("Line", "See.", drawing(), "a line")

    def neither(run: Run) -> Figure:
        return no_data(run)

    section = draw_section(finished_nothing, "data", [no_data, good, neither])
    assert [figure.title for figure in section.figures] == ["Line"]
    assert section.remarks == ["No data, neither: left out. train.csv: is not there. Download it."]
    assert isinstance(CannotDrawError("a", "b", "c"), UserError)
    assert CannotDrawError("a", "b", "c").faults == (Fault("a", "b", "c"),)


def test_a_failing_figure_does_not_affect_others(finished_nothing: Run) -> None:
    def broken(run: Run) -> Figure:
        raise ZeroDivisionError("by zero")

    with pytest.warns(FigureWarning, match="broken failed: ZeroDivisionError"):
        section = draw_section(finished_nothing, "errors", [broken])
    assert section.remarks == [
        "Broken: left out. It could not be drawn from these data (ZeroDivisionError('by zero'))."
    ]


@pytest.fixture
def finished_nothing(tmp_path: Path) -> Run:
    from pulmo.competition import find_competition
    from pulmo.pipeline.paths import RunPaths
    from pulmo.pipeline.settings import Section as Settings

    return Run(find_competition("osic"), RunPaths.of("osic", "none", tmp_path, tmp_path, tmp_path), Settings())
