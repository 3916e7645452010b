"""docs/python.md: each of its examples runs, and prints what stands below it."""

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pulmo
from pulmo.competition import find_competition
from tests.competitions.dsb import support as dsb
from tests.competitions.rsna import support as rsna
from tests.competitions.siim import support as siim

PAGE = Path(__file__).parents[1] / "docs/python.md"
SMALL = {
    "siim": (siim.SMALL, {"train_images": 24, "test_images": 4, "pixels": 128}),
    "rsna": (rsna.SMALL, {"train_images": 24, "test_images": 4, "pixels": 128}),
    "dsb": (dsb.SMALL, {"train_scans": 8, "test_scans": 2, "matrix": 96}),
}
"""Settings with which a demo trains in seconds, and the size of its data."""


class Example(NamedTuple):
    """A block of Python, its line on the page, and what it prints (None: anything)."""

    line: int
    source: str
    printed: str | None


def examples(page: str) -> list[Example]:
    """The fenced blocks of Python, each with the block of text that follows it."""
    found: list[Example] = []
    for block in re.finditer(r"^```(python|text)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        kind, text = block.groups()
        if kind == "python":
            found.append(Example(page[: block.start()].count("\n") + 2, text, None))
        else:
            found[-1] = found[-1]._replace(printed=text)
    return found


@pytest.fixture
def demo_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pulmo demo` leaves in the current folder, with small networks."""
    monkeypatch.chdir(tmp_path)
    for name, (settings, size) in SMALL.items():
        phantom = find_competition(name).phantom
        assert phantom is not None
        data = Path("work/demo") / name
        phantom.write_phantom(data, Path(f"work/demo/{name}-solution.csv"), phantom.PhantomSettings(**size))
        values = dict(setting.split("=", 1) for setting in settings)
        getattr(pulmo, name).train(
            data, "demo", preset="demo", settings={key: _value(text) for key, text in values.items()}
        )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.mark.usefixtures("demo_runs")
def test_every_example_prints_what_the_page_says() -> None:
    namespace: dict[str, Any] = {}
    for example in examples(PAGE.read_text()):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            # Blank lines in front, so that a traceback names the page's line.
            exec(compile("\n" * (example.line - 1) + example.source, str(PAGE), "exec"), namespace)
        if example.printed is not None:
            assert printed.getvalue() == example.printed, f"{PAGE.name}, line {example.line}"
