"""What many tests share: the real data, where they are; a competition small enough to kill a hundred times."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

import pulmo.competitions
from pulmo.pipeline.fingerprint import digest_code
from pulmo.pipeline.tensorflow_options import OPTIONS
from pulmo.storage import forget_listings
from tests.browser import ARGUMENTS, browser_path
from tests.object_store import ObjectStore, environment_of
from tests.object_store import object_store as object_store_server

# As the command line has it (see commands/console.py and training/device.py): weights are compared to the last bit, and
# a test may load TensorFlow before either is asked.
os.environ |= {"TF_NUM_INTEROP_THREADS": "1", **OPTIONS}
# `make test` has a process for each core: more threads in each would only wait for one another.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}

# A loaded machine is no fault: no test is timed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

NO_BROWSER = "The report's pages were not opened in a browser: there is no chromium (Debian: apt-get install chromium)"
ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT / "../shared/data"

TOY = {
    "__init__.py": """
from pulmo.competition import ALL_SETTINGS, Competition, StageSpec

COMPETITION = Competition(
    name="toy", title="Sums of squares", kaggle_slug="toy-squares", submission_columns=("id", "square"),
    metric="none", greater_is_better=True,
    stages=(
        StageSpec("features", "numbers read", data=("numbers.csv",), writes=("numbers",)),
        StageSpec("square", "squares", reads=("features/numbers",), writes=("squares", "parts")),
        StageSpec("total", "their sum", reads=("square/squares", "square/parts"), writes=("total",)),
    ),
    cv=StageSpec("cv", "nothing", reads=("features/numbers",), writes=("table",), settings=ALL_SETTINGS),
)
""",
    "config.toml": """
[features]
offset = 0
[square]
power = 2
slowness = 0.0
[total]
[presets.cubes.square]
power = 3
""",
    "settings.py": """
from pathlib import Path
from pulmo.pipeline.settings import Section

class Features(Section):
    offset: int
    extra: Path | None = None

class Square(Section):
    power: int
    slowness: float

class Total(Section):
    pass

class Settings(Section):
    features: Features
    square: Square
    total: Total
""",
    "features.py": """
import pandas as pd

def run(stage, settings):
    table = pd.read_csv(stage.data / "numbers.csv")
    stage.write("numbers", table + settings.offset)
""",
    "square.py": """
import functools, time
import pandas as pd

def run(stage, settings):
    numbers = stage.read("features/numbers")["number"]
    items = {str(number): (int(number), settings.power, settings.slowness) for number in numbers}
    stage.write("squares", stage.map_rows(power, items, "powers"))
    folder = stage.folder("parts")
    for number in numbers:
        piece = stage.checkpoint(f"part_{number}", functools.partial(part, number, settings.slowness))
        (folder / f"{number}.txt").write_text((piece / "text").read_text())
    stage.note("squared")

def part(number, slowness, folder):
    time.sleep(slowness)
    (folder / "text").write_text(str(number))

def power(item):
    number, exponent, slowness = item
    time.sleep(slowness)
    if number == 13:
        from pulmo.errors import Fault, ScanError
        raise ScanError(Fault("13", "is unlucky", "Leave it out"))
    if number == 666:
        import os
        os._exit(1)
    return {"square": number ** exponent}
""",
    "total.py": """
def run(stage, settings):
    squares = stage.read("square/squares")["square"]
    parts = sorted(path.name for path in stage.input("square/parts").iterdir())
    stage.write("total", {"total": int(squares.sum()), "parts": parts})
""",
}

SLOW_FIRST = ("tests/competitions/", "tests/commands/", "tests/test_notebook.py", "tests/kaggle/", "tests/training/")
"""In this order `make test` begins, so that its two processes end together."""


class ByFile(LoadFileScheduling):
    """Keeps the tests of a file in one process, and those of a competition, which share a finished run."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if folder.startswith("tests/competitions/") else file


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is switched off
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    """Instead of pytest-xdist's `--dist loadfile`; its `loadgroup` 3.8 does nothing under pytest 9.2."""
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first."""
    places = {start: place for place, start in enumerate(SLOW_FIRST)}
    items.sort(key=lambda item: next((places[s] for s in SLOW_FIRST if item.nodeid.startswith(s)), len(places)))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A competition `toy` in a folder of its own, findable while the test lasts; its folder of packages."""
    packages = tmp_path / "packages"
    write_toy(packages)
    # A competition is found by its folder alone: nothing else is told of it. Workers find it through the environment.
    monkeypatch.setattr(pulmo.competitions, "__path__", [*pulmo.competitions.__path__, str(packages)])
    digest_code.cache_clear()  # another test's toy has other code
    yield packages
    digest_code.cache_clear()
    for name in [name for name in sys.modules if name.startswith("pulmo.competitions.toy")]:
        del sys.modules[name]


def write_toy(packages: Path) -> None:
    """Write the toy competition's package."""
    (packages / "toy").mkdir(parents=True)
    for name, text in TOY.items():
        (packages / "toy" / name).write_text(text)


class Cluster(NamedTuple):
    """A Dask cluster of processes: the scheduler's address, and the workers."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and two workers of one thread each, as processes of their own."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
        return subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)

    scheduler = start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    options = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--death-timeout", "60")
    workers = [start("dask_worker", address, *options) for _ in range(2)]
    yield Cluster(address, workers)
    for process in (*workers, scheduler):
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[ObjectStore]:
    """An S3 server, started once."""
    with object_store_server() as store:
        yield store


@pytest.fixture
def object_store(s3_server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A bucket of a real S3 server, which this process and those it starts find by the environment."""
    from s3fs import S3FileSystem

    for name, value in environment_of(s3_server).items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    forget_listings()
    s3_server.requests.clear()
    yield s3_server
    forget_listings()
    S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; tests that need it are skipped where it is not."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data are not at {SHARED_DATA.resolve()}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for the report's pages; tests that need one are skipped where there is none."""
    path = browser_path()
    if path is None:
        pytest.skip(NO_BROWSER)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield started
        started.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Pages that no browser has opened are not tested: that is said aloud."""
    if browser_path() is None:
        terminalreporter.write_line(f"!!! {NO_BROWSER}", bold=True, yellow=True)
