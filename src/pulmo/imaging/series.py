"""Groups and sorts the files of a scan by their headers, and lists the repairs."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.files import files_below
from pulmo.imaging.enhanced import read_headers
from pulmo.imaging.phases import Phase, phases, position_indices
from pulmo.imaging.placing import ALWAYS, Placed, along_normal, counted, oriented, placed
from pulmo.imaging.slices import NotASliceError, SliceHeader
from pulmo.printable import printable

_NO_MODALITY = "no modality"
MIN_SLICES = 3
"""Fewer slices are not a scan."""
_SAME_DIRECTION = 0.01
_SAME_SPACING_MM, _SAME_SPACING = 0.005, 0.01
"""Rounding to two decimals changes a pixel spacing by at most 0.005 mm; differences above 1 % are not rounding."""
_GAP = 1.5
"""A step longer than this multiple of the median is a gap."""
_FEW = 0.2
"""If more than this fraction of all steps are gaps, the spacing varies."""


@dataclass(frozen=True)
class Stack:
    """Slices of one phase, all of one size and orientation, by position along their common normal.

    `positions_mm` (slices,) rises; `repairs` lists in words what was left out or corrected. `phase_label` separates its
    phase from others of the series, empty if there are none. A stack with a `fault` cannot be read, and is not sorted.
    """

    slices: tuple[SliceHeader, ...]
    positions_mm: np.ndarray
    repairs: tuple[str, ...]
    phase_label: str = ""
    fault: Fault | None = None


def find_slices(folder: Path, modality: str = "CT") -> tuple[list[SliceHeader], list[str]]:
    """Headers of all slices of a modality below `folder`, and notes on the files left out and why.

    Raises ScanError if the folder is missing, has no file of the modality, or holds several patients.
    """
    if not folder.is_dir():
        raise ScanError(Fault(str(folder), "no such folder", "Give the folder that holds one series of DICOM files"))
    found: list[SliceHeader] = []
    exclusions: list[str] = []
    modalities: set[str] = set()
    for path in files_below(folder):
        name = printable(path.name)
        try:
            headers = read_headers(path)
        except NotASliceError as reason:
            exclusions.append(f"{name} left out: {printable(str(reason))}")
            continue
        except OSError as reason:
            exclusions.append(f"{name} left out: cannot be read ({reason.strerror})")
            continue
        first = headers[0]
        modalities.add(first.modality or _NO_MODALITY)
        if first.modality != modality:
            exclusions.append(f"{name} left out: {first.modality or _NO_MODALITY}, not {modality}")
        elif "LOCALIZER" in first.image_type:
            exclusions.append(f"{name} left out: a localizer")
        else:
            found += headers
            _one_patient(folder, found[0], first)
    if not found:
        raise _no_slices(folder, modality, modalities, exclusions)
    return found, exclusions


def _one_patient(folder: Path, first: SliceHeader, other: SliceHeader) -> None:
    if first.patient and other.patient and first.patient != other.patient:
        raise ScanError(
            Fault(
                str(folder),
                f"holds several patients ({first.patient} in {first.path.name}, {other.patient} in {other.path.name})",
                "Give the folder of one patient",
            )
        )


def _no_slices(folder: Path, modality: str, modalities: set[str], exclusions: list[str]) -> ScanError:
    wanted = "chest CT" if modality == "CT" else modality
    remedy = f"Give the folder that holds one {wanted} series as DICOM files"
    if modalities == {_NO_MODALITY}:
        what = f"Modality is missing in its images, and neither SOP class nor rescaling identifies them as {modality}"
        remedy = f"Write Modality {modality} into them if they are, or export the series again"
    elif named := modalities - {modality}:
        what = f"holds {', '.join(sorted(named))} images, not {modality}"
    elif exclusions:
        what = f"holds no {modality} slice ({exclusions[0]}{', …' if len(exclusions) > 1 else ''})"
    else:
        what = "holds no file"
    return ScanError(Fault(str(folder), what, remedy))


def stacks(headers: Sequence[SliceHeader]) -> list[Stack]:
    """Headers in any order → stacks, longest first.

    One stack has one series, size, orientation, pixel spacing and phase. A group with an implausible value, or with
    unknown positions, is a stack with a `fault`.
    """
    files, copies = _without_copies(headers)
    named, grouped = _of_series(files)
    found = [stack for group in _alike(named, _same_series) for stack in _stacked(group, (*copies, *grouped))]
    return sorted(found, key=lambda stack: -len(stack.slices))


def longest(found: Sequence[Stack]) -> Stack:
    """The stack with most slices. Raises ScanError if it has a fault."""
    if found[0].fault is not None:
        raise ScanError(found[0].fault)
    return found[0]


def _without_copies(headers: Sequence[SliceHeader]) -> tuple[list[SliceHeader], tuple[str, ...]]:
    """Headers without duplicate files: same object (SOPInstanceUID) and same header."""
    if len({header.sop for header in headers}) == len(headers):
        return list(headers), ()
    found: dict[SliceHeader, SliceHeader] = {}
    for number, header in enumerate(headers):
        nameless = Path("" if header.sop else str(number))
        found.setdefault(replace(header, path=nameless, pixels=None), header)
    copies = len(headers) - len(found)
    return list(found.values()), (f"{counted(copies, 'copy', 'copies')} of other files left out",) if copies else ()


def _of_series(headers: Sequence[SliceHeader]) -> tuple[list[SliceHeader], tuple[str, ...]]:
    """Headers with a usable series: a SeriesInstanceUID per file, or missing in some files, is replaced."""
    counts = Counter(header.series for header in headers)
    if "" in counts and len(counts) == 2:
        (series,) = set(counts) - {""}
        repair = f"no SeriesInstanceUID in {counted(counts[''], 'slice')}: that of the others used"
        return [replace(header, series=series) for header in headers], (repair,)
    if max(counts.values()) >= MIN_SLICES or len(headers) < MIN_SLICES:
        return list(headers), ()
    repair = f"{len(counts)} SeriesInstanceUIDs in {len(headers)} slices: grouped by SeriesNumber, size and orientation"
    return [replace(header, series=header.series_number) for header in headers], (repair,)


def _stacked(group: Sequence[SliceHeader], repairs: tuple[str, ...]) -> list[Stack]:
    """Stacks of one series and size."""
    try:
        for header in group:
            header.require(*ALWAYS)
        with_orientation, directions = oriented(group)
    except ScanError as error:
        return [_faulty(group, error)]
    spaced, spacing = _spaced(with_orientation)
    found = []
    for alike in _alike(spaced, _same_planes):
        try:
            sound = placed(alike)
            even, rounded = _one_spacing(sound.slices)
            apart = phases(even)
        except ScanError as error:
            found.append(_faulty(alike, error))
            continue
        notes = (*repairs, *directions, *spacing, *sound.repairs, *rounded, *_noted(sound))
        found += [_ordered(phase, notes) for phase in apart]
    return found


def _faulty(slices: Sequence[SliceHeader], error: ScanError) -> Stack:
    return Stack(tuple(slices), np.arange(len(slices), dtype=np.float64), (), fault=error.faults[0])


def _noted(sound: Placed) -> list[str]:
    """Notes on assumptions, and on implausible values that are not needed."""
    notes = Counter(note for header in sound.slices for note in header.notes)
    unused = [
        f"{header.path.name}: {what}; it is not needed"
        for header in sound.slices
        for keyword, what in header.wrong
        if keyword not in sound.needed
    ]
    more = f" (and {len(unused) - 1} more)" if len(unused) > 1 else ""
    return [f"{note} ({counted(count, 'slice')})" for note, count in notes.items()] + [
        printable(f"{what}{more}") for what in unused[:1]
    ]


def _alike(headers: Iterable[SliceHeader], same: Callable[[SliceHeader, SliceHeader], bool]) -> list[list[SliceHeader]]:
    """Groups of headers that match the first of their group."""
    groups: list[list[SliceHeader]] = []
    for header in headers:
        for group in groups:
            if same(group[0], header):
                group.append(header)
                break
        else:
            groups.append([header])
    return groups


def _same_series(one: SliceHeader, other: SliceHeader) -> bool:
    return (one.series, one.rows, one.columns) == (other.series, other.rows, other.columns)


def _same_planes(one: SliceHeader, other: SliceHeader) -> bool:
    """Equal up to the rounding of orientations and spacings."""
    return _near(one.orientation, other.orientation, _SAME_DIRECTION) and _near(
        one.pixel_spacing_mm, other.pixel_spacing_mm, _SAME_SPACING_MM, _SAME_SPACING
    )


def _near(one: tuple[float, ...], other: tuple[float, ...], tolerance: float, share: float = 1.0) -> bool:
    return len(one) == len(other) and all(
        abs(a - b) <= min(tolerance, share * max(abs(a), abs(b), tolerance)) for a, b in zip(one, other, strict=True)
    )


def _spaced(slices: Sequence[SliceHeader]) -> tuple[list[SliceHeader], tuple[str, ...]]:
    """Slices without a PixelSpacing get the most common one of the others."""
    counts = Counter(header.pixel_spacing_mm for header in slices)
    missing = counts.pop((), 0)
    if not missing or not counts:
        return list(slices), ()
    (spacing, _), *_ = counts.most_common()
    repair = f"no PixelSpacing in {counted(missing, 'slice')}: {_shown(spacing)} mm used, as in the others"
    return [header if header.pixel_spacing_mm else replace(header, pixel_spacing_mm=spacing) for header in slices], (
        repair,
    )


def _one_spacing(slices: Sequence[SliceHeader]) -> tuple[list[SliceHeader], tuple[str, ...]]:
    """Slices with one PixelSpacing, where it is rounded differently: the value with most digits."""
    spacings = Counter(header.pixel_spacing_mm for header in slices)
    if len(spacings) == 1:
        return list(slices), ()
    exact = max(spacings, key=lambda spacing: (len("".join(map(repr, spacing))), spacings[spacing]))
    shown = ", ".join(_shown(spacing) for spacing in sorted(spacings))
    repair = f"PixelSpacing is rounded in some slices ({shown} mm): {_shown(exact)} mm used"
    return [replace(header, pixel_spacing_mm=exact) for header in slices], (repair,)


def _shown(spacing_mm: tuple[float, ...]) -> str:
    return " × ".join(f"{mm!r}" for mm in spacing_mm)


def _ordered(phase: Phase, repairs: tuple[str, ...]) -> Stack:
    """Slices by position, without duplicates (the first by instance number is kept)."""
    headers = sorted(phase.slices, key=lambda header: (header.instance, header.path))
    positions = along_normal(headers)
    order = np.argsort(positions, kind="stable")
    begins = np.flatnonzero(np.diff(position_indices(positions)[order], prepend=-1))
    keep = np.minimum.reduceat(order, begins)
    notes = list(repairs)
    if len(keep) < len(order):
        notes.append(f"{counted(len(order) - len(keep), 'duplicate slice')} left out")
    if phase.phase_label:
        notes.append(f"one of several phases: {phase.phase_label}")
    kept = tuple(headers[index] for index in keep)
    return Stack(kept, positions[keep], (*notes, *_uneven(positions[keep])), phase.phase_label)


def exclusion_reason(other: Stack, chosen: Stack) -> str:
    """Why a stack of the same folder is not part of the chosen one."""
    one, two = other.slices[0], chosen.slices[0]
    if other.fault is not None:
        return other.fault.what
    if one.series != two.series:
        return f"another series ({one.series or 'without SeriesInstanceUID'})"
    if (one.rows, one.columns) != (two.rows, two.columns):
        return f"another size ({one.rows} × {one.columns}, not {two.rows} × {two.columns})"
    if not _near(one.orientation, two.orientation, _SAME_DIRECTION):
        return "another orientation"
    if other.phase_label and other.phase_label != chosen.phase_label:
        return f"another phase ({other.phase_label})"
    return f"another PixelSpacing ({_shown(one.pixel_spacing_mm)}, not {_shown(two.pixel_spacing_mm)} mm)"


def _uneven(positions: np.ndarray) -> list[str]:
    steps = np.diff(positions)
    if not len(steps):
        return []
    median = float(np.median(steps))
    gaps = steps[steps > _GAP * median]
    if len(gaps) > _FEW * len(steps):
        return [f"slices between {steps.min():.4g} and {steps.max():.4g} mm apart: true positions used"]
    if len(gaps):
        handled = "true positions used"
        return [
            f"{counted(len(gaps), 'gap')} of up to {gaps.max():.4g} mm where {median:.4g} mm is the median: {handled}"
        ]
    return []
