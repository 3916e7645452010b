"""Helpers that tests in several folders use."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pulmo.__main__ import main
from pulmo.errors import ScanError


def map_here(
    function: Callable[[Any], Any], items: Mapping[str, Any], cluster: str | None = None
) -> Iterator[tuple[str, Any]]:
    """`map_items` without other processes."""
    for key, item in items.items():
        try:
            yield key, function(item)
        except ScanError as error:
            yield key, error


def run_pulmo(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Run a command in this process: its words → exit code, stdout, stderr."""
    before, sys.argv = sys.argv, ["pulmo", *map(str, words)]
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = before
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err
