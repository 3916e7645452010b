"""Helpers that tests in several folders use."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

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
