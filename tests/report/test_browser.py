"""Pages with every kind of figure, opened in a real browser."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.reading import read_volume
from pulmo.phantom.chest import chest
from pulmo.phantom.dicom import Series, write_series
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import axial, evenly
from pulmo.report.charts import Groups, scatter_by_group
from pulmo.report.figure_html import Link
from pulmo.report.images import BoxOutline, ImagePanel, MaskOutline, image_panels
from pulmo.report.page import Figure, PageSection, write_page
from pulmo.report.scan import lungs_of
from pulmo.report.style import BLUE, VERMILION, interactive
from pulmo.report.surface3d import draw_surfaces
from tests.browser import PAPER, PHONE, SCREEN, Opened, opened

pytestmark = pytest.mark.slow

TABLE = pd.DataFrame(
    {
        "name": ["Berta", "Ärger", "Cäsar", "Adam"],
        "value": [10.5, 9, np.nan, -1200],
        "page": [Link("page", "there.html"), None, None, None],
    }
)


WORST = pd.DataFrame(
    {
        "patient": ["ID00029637202230780588234", "ID00058637202258186418506"],
        **{f"{kind} error, ml": [-549.44, 494.4] for kind in ("mean", "median", "largest", "first", "last", "signed")},
        "sex": ["female", "male"],
        "device": ["CPU, tensorflow"] * 2,
    }
)
HEADER = pd.DataFrame(
    {"tag": ["MediaStorageSOPInstanceUID", "Modality"], "value": ["1.2.826.0.1.3680043.8.498.1", "CT"]}
)


def slices() -> Figure:
    image = np.add.outer(np.arange(64.0), np.arange(64.0) ** 2)
    shown = ImagePanel(image, "slice 11", [MaskOutline(image > 900, BLUE)], [BoxOutline(20, 20, 30, 40, VERMILION)])
    return Figure("Slices", "See the lungs.", image_panels([shown] * 4), "four slices")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page without plotly."""
    points = pd.DataFrame({"x": np.arange(500) % 31, "y": np.arange(500) % 17, "kind": ["even", "odd"] * 250})
    scatter = scatter_by_group(points, ("x", "x"), ("y", "y"), Groups("kind", {"even": BLUE, "odd": VERMILION}))
    figures = [
        Figure("Scatter", "See `x`.", scatter, "a scatter"),
        slices(),
        Figure("Table", "See the names.", TABLE, "a table"),
    ]
    path = tmp_path_factory.mktemp("plain") / "plain.html"
    write_page(path, "A <page>", "It leads.", [PageSection("Data & more", figures, ["Left out: `gains`."])])
    return path


@pytest.fixture(scope="module")
def rotating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom's lungs, and other kinds of figures."""
    folder = tmp_path_factory.mktemp("rotating")
    grid = axial(evenly(20, 15.0), (64, 64), 6.0)
    write_series(folder / "scan", draw(chest(2.0, 2.5), grid, seed=1, noise_sd=10), grid, Series("phantom"))
    volume = read_volume(folder / "scan")
    lungs = draw_surfaces(volume, lungs_of(segment_lungs(volume)), height_pixels=200)
    lines = interactive(go.Figure(go.Scatter(x=[0, 1, 2], y=[1, 3, 2])), height_pixels=200)
    figures = [
        Figure("Lungs", "Rotating lungs.", lungs, "rotating lungs"),
        Figure("Lines", "See a line.", lines, "a line"),
        slices(),
        Figure("Table", "See the names.", TABLE, "a table"),
    ]
    write_page(folder / "page.html", "Lungs", "Two lungs.", [PageSection("Results", figures)])
    return folder / "page.html"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of tables: one that is wider than a phone, one that is a little wider than a column of the page."""
    figures = [Figure("Worst", "See.", WORST, "a wide table"), Figure("Header", "See.", HEADER, "a header")]
    path = tmp_path_factory.mktemp("tables") / "tables.html"
    write_page(path, "Tables", "Two.", [PageSection("Data", figures)])
    return path


@pytest.fixture
def screen(browser: Browser, plain: Path) -> Iterator[Opened]:
    with opened(browser, plain) as on_screen:
        yield on_screen


def test_every_figure_is_drawn_without_requests(browser: Browser, rotating: Path) -> None:
    with opened(browser, rotating) as seen:
        seen.assert_sound()
        assert seen.page.title() == "Lungs"
        assert len(seen.page.query_selector_all("figure")) == 4
        # With reduced motion preferred, the lungs do not rotate until the button is clicked.
        before = _eye(seen.page)
        seen.page.wait_for_timeout(150)
        assert _eye(seen.page) == before
        assert seen.page.locator("figure button", has_text="Rotate").count() == 1


def test_without_scripts_still_pictures_are_shown(browser: Browser, rotating: Path) -> None:
    with opened(browser, rotating, scripts=False) as seen:
        assert [still.bounding_box() is not None for still in seen.page.locator(".still svg").all()] == [True, True]
        assert not seen.page.locator(".plot").first.is_visible()


def test_on_paper_everything_is_drawn_dark_on_white(browser: Browser, rotating: Path) -> None:
    with opened(browser, rotating, dark=True) as seen:
        seen.look_through()
        assert not seen.page.locator(".still").first.is_visible()  # replaced by the interactive figures
        seen.page.emulate_media(media="print")
        assert [still.is_visible() for still in seen.page.locator(".still").all()] == [True, True]
        assert not seen.page.locator(".plot").first.is_visible()
        assert _lightness(seen.page.evaluate(_GROUND)) == pytest.approx(1)
        assert min(_contrasts(seen.page)) >= 4.5


def test_on_paper_tables_are_whole_and_no_number_is_broken(browser: Browser, tables: Path) -> None:
    with opened(browser, tables, width=PAPER) as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.evaluate(_TOO_WIDE) == []
        assert seen.page.evaluate(_BROKEN) == []


def test_a_screen_shows_whole_tables(browser: Browser, tables: Path) -> None:
    with opened(browser, tables) as seen:
        assert seen.page.evaluate(_TOO_WIDE) == []


def test_a_shadow_shows_that_a_table_has_more_columns(browser: Browser, tables: Path) -> None:
    def edge() -> int:
        """The darkest of red, green and blue near the table's lower right corner."""
        with Image.open(io.BytesIO(seen.page.locator(".table").first.screenshot())) as picture:
            return int(np.asarray(picture.convert("RGB"))[-3, -2].min())

    paper = 255
    with opened(browser, tables, width=PHONE) as seen:
        assert edge() < 240
        seen.page.locator(".table").first.evaluate("(table) => { table.scrollLeft = table.scrollWidth; }")
        assert edge() == paper
    with opened(browser, tables) as seen:
        assert edge() == paper


def test_a_phone_in_the_dark(browser: Browser, rotating: Path) -> None:
    with opened(browser, rotating, width=PHONE, dark=True) as seen:
        seen.assert_sound()


@pytest.mark.parametrize("width", [PHONE, 700, SCREEN])
def test_no_width_needs_sideways_scrolling(browser: Browser, plain: Path, width: int) -> None:
    with opened(browser, plain, width) as seen:
        seen.assert_sound()


def test_the_browser_refuses_requests(screen: Opened) -> None:
    request = "fetch('https://example.org/').then(() => 'answered', () => 'refused')"
    assert screen.page.evaluate(request) == "refused"
    assert "Content Security Policy" in " ".join(screen.errors)


def test_lungs_rotate_until_they_are_touched(browser: Browser, rotating: Path) -> None:
    with opened(browser, rotating, width=PHONE, still=False) as seen:
        lungs, button = (seen.page.locator(f"#results-lungs {part}") for part in (".plot", "button"))
        seen.page.wait_for_function(f"document.querySelector('#results-lungs .main-svg') && {_EYE}.x > 1")
        assert button.text_content() == "Stop"
        before = _eye(seen.page)
        seen.page.wait_for_function(f"{_EYE}.x !== {before['x']}")

        lungs.dispatch_event("pointerdown")
        assert button.text_content() == "Rotate"
        seen.page.wait_for_timeout(200)  # what was on its way arrives
        still = _eye(seen.page)
        seen.page.wait_for_timeout(100)
        assert _eye(seen.page) == still
        colours = Image.open(io.BytesIO(lungs.screenshot())).convert("RGB").getcolors(1 << 20) or []
        assert len(colours) > 100  # shaded surfaces, not an empty canvas

        button.focus()
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_function(f"{_EYE}.x !== {still['x']}")


def test_tables_sort(screen: Opened) -> None:
    def column(place: int) -> list[str]:
        return screen.page.locator(f"tbody td:nth-child({place})").all_text_contents()

    name, value, _ = screen.page.locator("th button").all()
    value.click()
    assert column(2) == ["−1,200", "9", "10.5", "–"]
    value.click()
    assert column(2) == ["10.5", "9", "−1,200", "–"]  # what is missing stays last
    assert screen.page.locator("th").nth(1).get_attribute("aria-sort") == "descending"
    name.focus()
    screen.page.keyboard.press("Enter")
    assert column(1) == ["Adam", "Ärger", "Berta", "Cäsar"]
    assert screen.page.locator("th").nth(1).get_attribute("aria-sort") == "none"


@pytest.mark.parametrize("dark", [False, True])
def test_letters_are_readable_in_light_and_dark(browser: Browser, plain: Path, dark: bool) -> None:
    with opened(browser, plain, dark=dark) as seen:
        for is_dark in (dark, not dark):
            assert (_lightness(seen.page.evaluate(_GROUND)) < 0.1) == is_dark
            assert min(_contrasts(seen.page)) >= 4.5
            seen.page.click("#theme")


def test_the_keyboard_reaches_everything(screen: Opened) -> None:
    screen.page.keyboard.press("Tab")
    assert screen.page.evaluate("document.activeElement.textContent") == "Skip to the figures"
    screen.page.keyboard.press("Enter")
    assert screen.page.evaluate("document.activeElement.id") == "main"
    reached = []
    for _ in range(5):
        screen.page.keyboard.press("Tab")
        reached.append(screen.page.evaluate("document.activeElement.textContent"))
    assert reached[1:] == ["name", "value", "page", "page"]  # after the table's region its columns, then its link


_EYE = "document.querySelector('#results-lungs .plot')._fullLayout.scene.camera.eye"
_GROUND = "getComputedStyle(document.querySelector('figure')).backgroundColor"
_TOO_WIDE = """[...document.querySelectorAll('.table')].filter(
  (table) => table.firstChild.getBoundingClientRect().right > table.getBoundingClientRect().right + 1
).map((table) => table.closest('figure').id)"""
_BROKEN = """[...document.querySelectorAll('td')].map((cell) => {
  const text = document.createRange();
  text.selectNodeContents(cell);
  return [cell.textContent, text.getClientRects().length];
}).filter(([text, lines]) => lines > text.split(' ').length)"""
_LETTERS = """[...document.querySelectorAll('figure svg text, figcaption, td')].filter(
  (element) => element.checkVisibility()
).map((element) => {
  const style = getComputedStyle(element);
  return element instanceof SVGElement ? style.fill : style.color;
})"""


def _eye(page: Page) -> dict[str, float]:
    eye: dict[str, float] = page.evaluate(f"({{...{_EYE}}})")
    return eye


def _contrasts(page: Page) -> list[float]:
    """WCAG's contrast of all text to its figure's background."""
    ground = _lightness(page.evaluate(_GROUND))
    letters = [_lightness(colour) for colour in set(page.evaluate(_LETTERS))]
    return [(max(each, ground) + 0.05) / (min(each, ground) + 0.05) for each in letters]


def _lightness(colour: str) -> float:
    """Relative luminance of rgb(…), https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    values = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
