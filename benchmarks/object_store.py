"""Features from an object store against the same from the disk: seconds of the stage, and their ratio.

    .venv/bin/python benchmarks/object_store.py            # ten minutes
    .venv/bin/python benchmarks/object_store.py --only siim --rounds 5

The store is moto's S3 server on this machine, one Python process that takes cores from pulmo: a real store answers
later, but costs nothing here. The data are `full_size.py`'s. Disk and store take turns, and the ratio is the median
over the turns, so that other work on the machine counts for both.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from full_size import SIZES, link
from pulmo.commands.console import show_table
from pulmo.competition import find_competition

COUNTS = {"siim": (300, 16), "rsna": (300, 16), "osic": (16, 4), "dsb": (16, 4)}
"""Images or scans, to train on and to predict."""
BUCKET = "chests"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=COUNTS, action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("work/benchmarks/object_store"), help="emptied at the end")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with store():
            show_table([compared(name, folder / name, arguments.rounds) for name in arguments.only or ("siim", "osic")])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compared(name: str, folder: Path, rounds: int) -> dict[str, str]:
    """A row of the table."""
    from fsspec import filesystem

    data, size = folder / "data", SIZES[name]
    phantom = find_competition(name).phantom
    if phantom is None:
        raise SystemExit(f"{name} has no phantom")
    drawn = replace(phantom.PhantomSettings(), **size.drawn)
    phantom.write_phantom(folder / "drawn", folder / "solution.csv", drawn)
    link(folder / "drawn", data, size, COUNTS[name])
    filesystem("s3").put(f"{data}/", f"{BUCKET}/{name}/", recursive=True)
    places = {"disk": str(data), "store": f"s3://{BUCKET}/{name}"}
    seconds: dict[str, list[float]] = {place: [] for place in places}
    for _ in range(rounds):
        for place, url in places.items():
            seconds[place].append(seconds_of(name, url, folder / "work"))
    ratio = statistics.median(far / near for near, far in zip(seconds["disk"], seconds["store"], strict=True))
    files = [path.stat().st_size for path in data.rglob("*.dcm")]
    return {
        "features": name,
        "images or scans": str(COUNTS[name][0]),
        "files": f"{len(files):,}",
        "MB": f"{sum(files) / 1e6:.0f}",
        **{f"s from the {place}": f"{statistics.median(seconds[place]):.1f}" for place in places},
        "ratio": f"{ratio:.2f}",
    }


def seconds_of(name: str, data: str, work: Path) -> float:
    """Wall time of the stage in a new process."""
    shutil.rmtree(work, ignore_errors=True)
    command = [sys.executable, "-m", "pulmo", name, "features", "--data", data, "--work", str(work)]
    start = time.monotonic()
    subprocess.run([*command, "--set", "features.folds=2"], check=True, capture_output=True)
    return time.monotonic() - start


@contextmanager
def store() -> Iterator[None]:
    """moto's server with an empty bucket, which this process and those it starts find by the environment."""
    from fsspec import filesystem

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
    }
    command = [sys.executable, "-m", "moto.server", "-p", port]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        filesystem("s3").mkdir(BUCKET)  # its library tries again until the server answers
        yield
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
