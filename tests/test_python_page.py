"""docs/python.md: each of its examples runs, and prints what stands below it."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pulmo.competition import find_competition
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run, run_stages
from pulmo.pipeline.settings import load_settings
from tests.competitions.dsb import support as dsb
from tests.competitions.rsna import support as rsna
from tests.competitions.siim import support as siim

PAGE = Path(__file__).parents[1] / "docs/python.md"
FEW_IMAGES = {"train_images": 24, "test_images": 4, "pixels": 128}
NO_OTHER_NETWORKS = tuple(f"train_{family}.folds=0" for family in ("lungs", "classifier", "detector"))
SMALL: dict[str, tuple[tuple[str, ...], dict[str, int]]] = {
    "siim": (siim.SMALL, FEW_IMAGES),
    "rsna": ((*rsna.SMALL, *NO_OTHER_NETWORKS), FEW_IMAGES),
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
        competition, data = find_competition(name), Path("work/demo") / name
        assert competition.phantom is not None
        competition.phantom.write_phantom(
            data, Path(f"work/demo/{name}-solution.csv"), competition.phantom.PhantomSettings(**size)
        )
        values = load_settings(competition.settings, competition.config, "demo", settings)
        run = Run(competition, RunPaths.of(name, "demo", data), values, device="cpu")
        list(run_stages(run, competition.stages[:-1]))


@pytest.mark.slow
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


def test_the_page_is_read() -> None:
    page = "```python\na = 1\n```\n\n```python\nprint(a)\n```\n\nIt prints\n\n```text\n1\n```\n"
    assert examples(page) == [Example(2, "a = 1\n", None), Example(6, "print(a)\n", "1\n")]
