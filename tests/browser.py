"""Pages opened as a reader opens them: from disk, in Debian's chromium, on a screen or a phone, light or dark."""

import base64
import gzip
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE, PAPER, SCREEN = 390, 703, 1300  # CSS pixels; of A4 without the margins of page.css


def browser_path() -> str | None:
    """Where a browser is, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Opened(NamedTuple):
    """A page in the browser, and what went wrong in it so far: errors on its console, requests for other files."""

    page: Page
    errors: list[str]
    requests: list[str]

    def look_through(self) -> None:
        """Scroll from top to bottom, and wait until everything is drawn."""
        for figure in self.page.query_selector_all("figure"):
            figure.scroll_into_view_if_needed()
        self.page.wait_for_function(
            "[...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('.main-svg'))"
        )

    def assert_sound(self) -> None:
        """Nothing went wrong, everything is drawn and named, and nothing is wider than the screen."""
        self.look_through()
        assert self.errors == []
        assert self.requests == []
        assert self.page.evaluate(_NOT_DRAWN) == []
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@contextmanager
def opened(
    browser: Browser, path: Path, width: int = SCREEN, dark: bool = False, still: bool = True, scripts: bool = True
) -> Iterator[Opened]:
    """The page of a file; a `still` reader asked for less motion, one without `scripts` allows none."""
    context = browser.new_context(
        viewport={"width": width, "height": 850},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if still else "no-preference",
        offline=True,
        java_script_enabled=scripts,
    )
    page = context.new_page()
    seen = Opened(page, [], [])
    own = path.resolve().as_uri()
    page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: None if _is_own(request.url, own) else seen.requests.append(request.url))
    page.goto(own)
    try:
        yield seen
    finally:
        context.close()


def plots_of(path: Path) -> list[dict[str, Any]]:
    """The plotly figures packed in a page, by their order."""
    packed = re.findall(r'<script type="text/plain" id="[^"]*-figure">([^<]*)</script>', path.read_text())
    return [json.loads(gzip.decompress(base64.b64decode(text))) for text in packed]


def _is_own(url: str, own: str) -> bool:
    return url == own or url.startswith(("data:", "blob:"))


# Figures that are not what a reader needs: without a name or a picture, empty, cut off, or with an image
# that does not decode.
_NOT_DRAWN = """async () => {
  const bad = [];
  for (const figure of document.querySelectorAll('figure')) {
    const says = figure.querySelector('figcaption p').textContent;
    const shown = figure.querySelector('[role=img], [role=region]');
    const drawings = [...figure.querySelectorAll('svg, canvas, table')];
    const visible = drawings.some((drawing) => {
      const box = drawing.getBoundingClientRect();
      return box.width > 40 && box.height > 20;
    });
    let decoded = true;
    const fits = [...figure.querySelectorAll('.plot')].every(
      (plot) => plot.querySelector('.main-svg').getBoundingClientRect().width <= plot.clientWidth + 1);
    for (const element of figure.querySelectorAll('svg image')) {
      const image = new Image();
      image.src = element.href.baseVal;
      decoded &&= await image.decode().then(() => true, () => false);
    }
    if (!says || !shown?.getAttribute('aria-label') || !visible || !decoded || !fits) bad.push(figure.id);
  }
  return bad;
}"""
