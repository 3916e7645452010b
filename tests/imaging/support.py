"""Headers of drawn stacks."""

from dataclasses import replace
from typing import Any

from pulmo.imaging.slices import SliceHeader


def at(header: SliceHeader, *heights: float, instance: int = 1, **changes: Any) -> list[SliceHeader]:
    """Axial slices at these heights in mm, counted from `instance`, with the changes."""
    placed = [replace(header, position_mm=(0.0, 0.0, mm), instance=instance + n) for n, mm in enumerate(heights)]
    return [replace(slice_, **changes) for slice_ in placed]
