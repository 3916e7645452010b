r"""Positions of slices in the patient: by ImagePositionPatient, else by SliceLocation, else by InstanceNumber.

Real files may lack position or orientation, or hold zeros. Each fallback is reported as a repair; unknown distances
between slices are an error, never guessed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pulmo.errors import Fault, ScanError
from pulmo.imaging.slices import SliceHeader

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ALWAYS = ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept")
"""Tags that every slice needs."""

_SAME_MM = 1e-3
_ALONG_NORMAL = 0.7
_SQUARE = 0.05
"""Tolerance for directions' unit length and right angle, above any rounding."""


@dataclass(frozen=True)
class Placed:
    """Slices that all have a position and an orientation; `needed` are the tags used for them."""

    slices: tuple[SliceHeader, ...]
    repairs: tuple[str, ...]
    needed: tuple[str, ...]


def slice_normal(orientation: Sequence[float]) -> np.ndarray:
    """Unit vector (x, y, z) along which slices are stacked: row direction × column direction, pointing to the head.

    A stack whose normal is horizontal (sagittal, coronal) keeps the cross product's own sign.
    """
    normal: np.ndarray = np.cross(orientation[:3], orientation[3:])
    normal = normal / np.linalg.norm(normal)
    return -normal if normal[2] < -1e-6 else normal


def along_normal(slices: Sequence[SliceHeader]) -> np.ndarray:
    """Positions in mm along the slices' common normal, (slices,); all have a position and an orientation."""
    positions: np.ndarray = np.array([header.position_mm for header in slices]) @ slice_normal(slices[0].orientation)
    return positions


def oriented(slices: Sequence[SliceHeader]) -> tuple[tuple[SliceHeader, ...], tuple[str, ...]]:
    """Slices of one series with an orientation each (their own, the others', or axial), and the repairs.

    Raises ScanError for directions that are not orthogonal, and where axial planes would be assumed but positions do
    not run from feet to head.
    """
    given = [header for header in slices if any(header.orientation)]
    for header in {header.orientation: header for header in given}.values():
        _check_directions(header)
    if len(given) == len(slices):
        return tuple(slices), ()
    zeros = sum(header.orientation != () for header in slices) - len(given)
    what = r"ImageOrientationPatient is 0\0\0\0\0\0" if zeros else "no ImageOrientationPatient"
    if given:
        (orientation, _), *_ = Counter(header.orientation for header in given).most_common()
        repair = f"{what} in {counted(len(slices) - len(given), 'slice')}: that of the other slices used"
    else:
        orientation, repair = AXIAL, f"{what}: axial slices assumed"
        _check_axial(slices, what)
    completed = (header if any(header.orientation) else replace(header, orientation=orientation) for header in slices)
    return tuple(completed), (repair,)


def _check_directions(header: SliceHeader) -> None:
    row, column = np.array(header.orientation[:3]), np.array(header.orientation[3:])
    lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
    if np.max(np.abs(lengths - 1)) > _SQUARE or abs(row @ column) > _SQUARE:
        shown = "\\".join(f"{value:g}" for value in header.orientation)
        what = f"ImageOrientationPatient is {shown}: not two orthogonal unit vectors"
        raise ScanError(Fault(str(header.path), what, "Correct the tag, or export the series again"))


def _check_axial(slices: Sequence[SliceHeader], what: str) -> None:
    positions = np.array([header.position_mm for header in slices if header.position_mm]).reshape(-1, 3)
    extent = np.ptp(positions, axis=0) if len(positions) else np.zeros(3)
    if extent[2] < _ALONG_NORMAL * np.linalg.norm(extent):
        what = f"{what}, and positions do not run from feet to head, as in axial slices"
        raise ScanError(Fault(str(slices[0].path.parent), what, "Export the series again"))


def placed(slices: Sequence[SliceHeader]) -> Placed:
    """Slices with orientations, and plausible values of ALWAYS → those with a position: their own, else by
    SliceLocation, else by number.

    Raises ScanError where a needed value is implausible, or positions cannot be determined.
    """
    given = [header for header in slices if header.position_mm]
    if 2 * len(given) > len(slices) or (given and not _by_location(slices)):
        why = _contradicted(given) if len(given) > 1 else ""
        if not why:
            left = len(slices) - len(given)
            repairs = (f"{counted(left, 'slice')} without a position left out",) if left else ()
            return Placed(tuple(given), repairs, ALWAYS)
    else:
        missing = len(slices) - len(given)
        why = f"no ImagePositionPatient{f' in {missing} of {len(slices)} slices' if given else ''}"
    if _by_location(slices):
        for header in slices:
            header.require("SliceLocation")
        moved = tuple(_moved(header, header.location_mm or 0.0) for header in slices)
        return Placed(moved, (f"{why}: placed by SliceLocation",), (*ALWAYS, "SliceLocation"))
    return _by_number(slices, why)


def _contradicted(slices: Sequence[SliceHeader]) -> str:
    """Why positions are implausible, empty if they are not: equal positions with different SliceLocations."""
    positions = along_normal(slices)
    if np.ptp(positions) < _SAME_MM:
        shown = "\\".join(f"{value:g}" for value in slices[0].position_mm)
        return f"ImagePositionPatient is {shown} in all slices"
    order = np.argsort(positions, kind="stable")
    same_position = np.diff(positions[order]) < _SAME_MM
    if not same_position.any():
        return ""
    locations = np.array([np.nan if header.location_mm is None else header.location_mm for header in slices])[order]
    apart = np.abs(np.diff(locations)) > _SAME_MM  # missing, NaN, is not apart
    count = int((same_position & apart).sum())
    return f"{counted(count, 'slice')} at another's ImagePositionPatient, but not at its SliceLocation" if count else ""


def _by_location(slices: Sequence[SliceHeader]) -> bool:
    """Whether all slices have a SliceLocation, and not all the same."""
    if any("SliceLocation" in dict(header.wrong) for header in slices):
        return True  # so that the implausible value is reported
    locations = {header.location_mm for header in slices}
    return None not in locations and len(locations) > 1


def _by_number(slices: Sequence[SliceHeader], why: str) -> Placed:
    if len(slices) == 1:
        return Placed((_moved(slices[0], 0.0),), (f"{why}",), ALWAYS)
    tag, step = _step(slices, why)
    for header in slices:
        header.require("InstanceNumber")
    if len({header.instance for header in slices}) < len(slices):
        raise _no_positions(slices, f"{why}, no SliceLocation, and InstanceNumber is missing or not counted")
    # Nearly all scanners number chest CT slices from the head down.
    moved = tuple(_moved(header, -header.instance * step) for header in slices)
    repair = f"{why}: placed by InstanceNumber, counted from the head, and {tag}, {step:g} mm"
    if tag == "SliceThickness":
        repair += " (volumes are right only for contiguous slices)"
    return Placed(moved, (repair,), (*ALWAYS, "InstanceNumber", tag))


def _step(slices: Sequence[SliceHeader], why: str) -> tuple[str, float]:
    """(tag, mm): the distance between slices, and the tag it is from."""
    tags: tuple[tuple[str, Callable[[SliceHeader], float]], ...] = (
        ("SpacingBetweenSlices", lambda header: header.step_mm),
        ("SliceThickness", lambda header: header.thickness_mm),
    )
    for tag, of in tags:
        for header in slices:
            header.require(tag)
        steps = {of(header) for header in slices}
        if len(steps - {0.0}) > 1:
            listed = ", ".join(f"{step:g}" for step in sorted(steps))
            raise _no_positions(slices, f"{why}, no SliceLocation, and {tag} differs ({listed} mm)")
        if steps != {0.0}:
            return tag, max(steps)
    raise _no_positions(slices, f"{why}, no SliceLocation, no SpacingBetweenSlices and no SliceThickness")


def _no_positions(slices: Sequence[SliceHeader], what: str) -> ScanError:
    what = f"{what}: the slices' positions are unknown"
    return ScanError(Fault(str(slices[0].path.parent), what, "Export the series again, with positions"))


def _moved(header: SliceHeader, mm: float) -> SliceHeader:
    x, y, z = mm * slice_normal(header.orientation)
    return replace(header, position_mm=(float(x), float(y), float(z)))


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 gap`, `2 gaps`, `2 copies`."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
