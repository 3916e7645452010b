"""Which files form one scan, in which order, and what had to be mended: from headers alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.slices import NotASliceError, SliceHeader, read_slice_header

_SAME_PLACE = 0.05
"""Slices nearer to each other than this share of the usual spacing lie at one place."""
_GAP = 1.5
"""A step longer than this many usual ones is a gap."""
_FEW = 0.2
"""If more than this share of all steps were gaps, the spacing changes."""


@dataclass(frozen=True)
class Stack:
    """Slices of one acquisition, all of one size and orientation, by position along their common normal.

    `positions_mm` (slices,) rises; `repairs` says in words what was left out or mended.
    """

    slices: tuple[SliceHeader, ...]
    positions_mm: np.ndarray
    repairs: tuple[str, ...]


def find_slices(folder: Path, modality: str = "CT") -> tuple[list[SliceHeader], list[str]]:
    """Headers of all slices of that modality below `folder`, and in words which files were left out and why.

    Raises ScanError if there is no folder, no DICOM file, none of the modality, or more than one patient.
    """
    if not folder.is_dir():
        raise ScanError(Fault(str(folder), "no such folder", "Give the folder that holds one series of DICOM files"))
    found: list[SliceHeader] = []
    left_out: list[str] = []
    modalities: set[str] = set()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            header = read_slice_header(path)
        except NotASliceError as reason:
            left_out.append(f"{path.name} left out: {reason}")
            continue
        modalities.add(header.modality or "unnamed")
        if header.modality != modality:
            left_out.append(f"{path.name} left out: {header.modality or 'no modality'}, not {modality}")
        elif "LOCALIZER" in header.image_type:
            left_out.append(f"{path.name} left out: a localizer")
        else:
            found.append(header)
            _one_patient(folder, found[0], header)
    if not found:
        raise _nothing(folder, modality, modalities, left_out)
    return found, left_out


def _one_patient(folder: Path, first: SliceHeader, other: SliceHeader) -> None:
    if first.patient and other.patient and first.patient != other.patient:
        raise ScanError(
            Fault(
                str(folder),
                f"holds several patients ({first.patient} in {first.path.name}, {other.patient} in {other.path.name})",
                "Give the folder of one patient",
            )
        )


def _nothing(folder: Path, modality: str, modalities: set[str], left_out: list[str]) -> ScanError:
    if modalities - {modality}:
        what = f"holds {', '.join(sorted(modalities))} images, not {modality}"
    elif left_out:
        what = f"holds no {modality} slice ({left_out[0]}{', …' if len(left_out) > 1 else ''})"
    else:
        what = "holds no file"
    wanted = "chest CT" if modality == "CT" else modality
    return ScanError(Fault(str(folder), what, f"Give the folder that holds one {wanted} series as DICOM files"))


def stacks(headers: Sequence[SliceHeader]) -> list[Stack]:
    """Headers in any order → what can be stacked, longest first.

    One stack has one series, size, orientation and pixel spacing. Acquisitions are told apart only where their
    positions overlap: in a tilted head every few slices are an acquisition of their own.
    """
    placed, repairs = _placed(headers)
    found = [_ordered(part, repairs) for alike in _alike(placed) for part in _apart_where_overlapping(alike)]
    return sorted(found, key=lambda stack: -len(stack.slices))


def _placed(headers: Sequence[SliceHeader]) -> tuple[list[SliceHeader], tuple[str, ...]]:
    """Those that say where they lie; if none does, all, placed by SliceLocation or else by number."""
    placed = [header for header in headers if header.position_mm and header.orientation]
    if placed:
        unplaced = len(headers) - len(placed)
        return placed, (f"{counted(unplaced, 'slice')} without a position left out",) if unplaced else ()
    by_location = len({header.location_mm for header in headers} - {None}) == len(headers)
    mended = [
        replace(
            header,
            orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            position_mm=(
                0.0,
                0.0,
                header.location_mm
                if by_location and header.location_mm is not None
                else header.instance * (header.thickness_mm or 1.0),
            ),
        )
        for header in headers
    ]
    source = "SliceLocation" if by_location else "InstanceNumber and SliceThickness"
    return mended, (f"no ImagePositionPatient: placed by {source}",)


def _alike(headers: Iterable[SliceHeader]) -> list[list[SliceHeader]]:
    """Grouped by series, size, orientation and pixel spacing; numbers may differ by the rounding of their text."""
    groups: list[list[SliceHeader]] = []
    for header in headers:
        for group in groups:
            if _is_alike(group[0], header):
                group.append(header)
                break
        else:
            groups.append([header])
    return groups


def _is_alike(one: SliceHeader, other: SliceHeader) -> bool:
    return (
        (one.series, one.rows, one.columns) == (other.series, other.rows, other.columns)
        and _near(one.orientation, other.orientation, 0.01)
        and _near(one.pixel_spacing_mm, other.pixel_spacing_mm, 0.001)
    )


def _near(one: tuple[float, ...], other: tuple[float, ...], tolerance: float) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def slice_normal(orientation: Sequence[float]) -> np.ndarray:
    """Unit vector (x, y, z) along which slices are stacked: row direction × column direction, pointing to the head.

    A stack whose normal is horizontal (sagittal, coronal) keeps the cross product's own sign.
    """
    normal: np.ndarray = np.cross(orientation[:3], orientation[3:])
    normal = normal / np.linalg.norm(normal)
    return -normal if normal[2] < -1e-6 else normal


def _positions(headers: Sequence[SliceHeader]) -> np.ndarray:
    positions: np.ndarray = np.array([header.position_mm for header in headers]) @ slice_normal(headers[0].orientation)
    return positions


def _apart_where_overlapping(headers: list[SliceHeader]) -> list[list[SliceHeader]]:
    """Acquisitions one after the other make one chain; one that mostly covers what a chain has begins another."""
    by_acquisition = sorted(headers, key=lambda header: header.acquisition)
    acquisitions = [list(part) for _, part in groupby(by_acquisition, key=lambda header: header.acquisition)]
    ranges = [(positions.min(), positions.max()) for positions in map(_positions, acquisitions)]
    chains: list[tuple[float, float, list[SliceHeader]]] = []
    for (low, high), slices in sorted(zip(ranges, acquisitions, strict=True), key=lambda entry: entry[0]):
        for index, (start, end, chain) in enumerate(chains):
            if _follows(low, high, start, end):
                chains[index] = (start, max(end, high), chain + slices)
                break
        else:
            chains.append((low, high, slices))
    return [chain for _, _, chain in chains]


def _follows(low: float, high: float, start: float, end: float) -> bool:
    """Two acquisitions may share a few slices where they meet, but not half of the shorter one."""
    shared = end - low
    return low > end or (low > start and shared < 0.5 * min(high - low, end - start))


def _ordered(headers: list[SliceHeader], repairs: tuple[str, ...]) -> Stack:
    """By position, without duplicates (the first by instance number stays)."""
    headers = sorted(headers, key=lambda header: (header.instance, header.path))
    positions = _positions(headers)
    order = np.argsort(positions, kind="stable")
    steps = np.diff(positions[order])
    usual = float(np.median(steps[steps > 1e-3])) if (steps > 1e-3).any() else 0.0
    begins = np.flatnonzero(np.concatenate([[True], steps > _SAME_PLACE * usual]))
    keep = np.minimum.reduceat(order, begins)
    mended = list(repairs)
    if len(keep) < len(order):
        mended.append(f"{counted(len(order) - len(keep), 'duplicate slice')} left out")
    return Stack(tuple(headers[index] for index in keep), positions[keep], (*mended, *_uneven(positions[keep])))


def counted(count: int, noun: str) -> str:
    """`1 gap`, `2 gaps`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _uneven(positions: np.ndarray) -> list[str]:
    steps = np.diff(positions)
    if not len(steps):
        return []
    usual = float(np.median(steps))
    gaps = steps[steps > _GAP * usual]
    if len(gaps) > _FEW * len(steps):
        return [f"slices between {steps.min():.4g} and {steps.max():.4g} mm apart: integrated over true positions"]
    if len(gaps):
        bridged = "bridged by true positions"
        return [f"{counted(len(gaps), 'gap')} of up to {gaps.max():.4g} mm where {usual:.4g} mm is usual: {bridged}"]
    return []
