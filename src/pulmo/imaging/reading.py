"""A folder of DICOM files → the one scan in it that shows most lung."""

from dataclasses import replace
from pathlib import Path

from pulmo.imaging.lungs import estimate_lung_litres
from pulmo.imaging.placing import counted
from pulmo.imaging.series import FEWEST_SLICES, Stack, find_slices, longest, stacks, why_apart
from pulmo.imaging.spine import oriented_by_anatomy
from pulmo.imaging.volume import Volume, assemble

_SAMPLED_SLICES = 32
_AS_MUCH_LUNG = 0.97


def read_volume(folder: Path) -> Volume:
    """The scan in `folder`; of several series, sizes or acquisitions, the one that covers most lung.

    Stray files, duplicates, gaps and a header turned against the anatomy are mended and named in `repairs`. Raises
    ScanError, with the remedy, for: no DICOM, not CT, several patients, too few slices, no pixel spacing, pixels cut
    short or undecodable.
    """
    headers, left_out = find_slices(folder)
    candidates = stacks(headers)
    chosen = _most_lung(candidates)
    for stack in candidates:
        if stack is not chosen:
            left_out.append(f"{counted(len(stack.slices), 'slice')} left out: {why_apart(stack, chosen)}")
    volume = oriented_by_anatomy(assemble(chosen))
    return replace(volume, repairs=(*left_out, *volume.repairs), source=str(folder))


def _most_lung(candidates: list[Stack]) -> Stack:
    """Of those that show about as much as the best, the one with most slices; the longest if none shows any."""
    first = longest(candidates)
    long_enough = [stack for stack in candidates if len(stack.slices) >= FEWEST_SLICES and stack.fault is None]
    if len(long_enough) < 2:
        return first
    litres = [_roughly(stack) for stack in long_enough]
    enough = _AS_MUCH_LUNG * max(litres)
    return next(stack for stack, found in zip(long_enough, litres, strict=True) if found >= enough)


def _roughly(stack: Stack) -> float:
    """Litres of lung by every so many-th slice, on the coarse grid."""
    step = max(1, len(stack.slices) // _SAMPLED_SLICES)
    sample = replace(stack, slices=stack.slices[::step], positions_mm=stack.positions_mm[::step])
    return estimate_lung_litres(assemble(sample))
