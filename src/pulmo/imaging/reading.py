"""Reads the scan in a folder of DICOM files; of several, the one that covers most lung."""

import os
from dataclasses import replace

from pulmo.files import expanded
from pulmo.imaging.lungs import estimate_lung_litres
from pulmo.imaging.orientation import oriented_by_anatomy
from pulmo.imaging.placing import counted
from pulmo.imaging.series import MIN_SLICES, Stack, exclusion_reason, find_slices, longest, stacks
from pulmo.imaging.volume import Volume, assemble
from pulmo.storage import folder_in_memory

_SAMPLED_SLICES = 32
_EQUAL_LUNG = 0.97


def read_volume(folder: str | os.PathLike[str]) -> Volume:
    """The CT scan in `folder`; of several series, sizes or acquisitions, the one that covers most lung.

    Stray files, duplicates, gaps and an orientation that contradicts the anatomy are handled, and listed in `repairs`.
    Raises ScanError, with the remedy, for: no DICOM, not CT, several patients, too few slices, no pixel spacing,
    truncated or undecodable pixels.
    """
    place = expanded(folder)
    with folder_in_memory(place):
        headers, exclusions = find_slices(place)
        candidates = stacks(headers)
        chosen = _most_lung(candidates)
        for stack in candidates:
            if stack is not chosen:
                exclusions.append(f"{counted(len(stack.slices), 'slice')} left out: {exclusion_reason(stack, chosen)}")
        volume = assemble(chosen)
    volume = oriented_by_anatomy(volume)
    return replace(volume, repairs=(*exclusions, *volume.repairs), source=str(folder))


def _most_lung(candidates: list[Stack]) -> Stack:
    """Of the stacks with about the largest lung volume, the one with most slices; the longest if none shows lungs."""
    first = longest(candidates)
    long_enough = [stack for stack in candidates if len(stack.slices) >= MIN_SLICES and stack.fault is None]
    if len(long_enough) < 2:
        return first
    litres = [_sampled_litres(stack) for stack in long_enough]
    enough = _EQUAL_LUNG * max(litres)
    return next(stack for stack, found in zip(long_enough, litres, strict=True) if found >= enough)


def _sampled_litres(stack: Stack) -> float:
    """Litres of lung estimated from about 32 evenly spaced slices."""
    step = max(1, len(stack.slices) // _SAMPLED_SLICES)
    sample = replace(stack, slices=stack.slices[::step], positions_mm=stack.positions_mm[::step])
    return estimate_lung_litres(assemble(sample))
