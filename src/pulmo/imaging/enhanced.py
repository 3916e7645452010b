"""Enhanced multi-frame CT and MR: one file that holds a whole scan, read as one slice per frame.

Position, pixel spacing and rescaling of a frame are in functional groups, shared or per frame: DICOM PS3.3, C.7.6.16.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from pulmo.imaging.dicom_parser import UNDEFINED, read_elements
from pulmo.imaging.slices import (
    PHASE_KEYWORDS,
    SLICE_TAGS,
    NotASliceError,
    SeveralFramesError,
    SliceHeader,
    Values,
    header_of,
    read_slice_header,
)

_PLACES = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
_TRANSFORMATION = "PixelValueTransformationSequence"
_GROUPS = (*_PLACES, _TRANSFORMATION, "FrameContentSequence", "MREchoSequence", "CTReconstructionSequence")


def read_headers(path: Path) -> list[SliceHeader]:
    """The header of the slice in `path`, or of each frame of an enhanced CT or MR image, in their order.

    Raises NotASliceError as `read_slice_header` does, and where frames have no positions.
    """
    try:
        return [read_slice_header(path)]
    except SeveralFramesError as reason:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with path.open("rb") as file:
                dataset = dcmread(file, stop_before_pixels=True, force=True)
        frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
        if len(frames) != int(dataset.NumberOfFrames):
            raise NotASliceError(f"{reason}; its frames have no positions") from reason
    values = Values(read_elements(path, SLICE_TAGS))
    whole = header_of(path, values, values.integer("Rows", 0), values.integer("Columns", 0))
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    groups = [_merged(shared, frame) for frame in frames]
    stacks = {str(group.get("StackID", "")) for group in groups}
    return [_frame(whole, number, group, len(stacks) > 1) for number, group in enumerate(groups)]


def _merged(shared: Dataset, frame: Dataset) -> Dataset:
    """All attributes of the functional groups used here; a frame's own override the shared ones."""
    found = Dataset()
    for source in (shared, frame):
        for name in _GROUPS:
            for item in source.get(name) or []:
                found.update(item)
    return found


def _frame(whole: SliceHeader, number: int, group: Dataset, several_stacks: bool) -> SliceHeader:
    missing = [name for name in ("ImagePositionPatient", "ImageOrientationPatient") if name not in group]
    if missing:
        raise NotASliceError(f"several frames in one file, and frame {number + 1} has no {missing[0]}")
    phase = {
        "TemporalPositionIdentifier": group.get("TemporalPositionIndex"),
        "EchoTime": group.get("EffectiveEchoTime"),
        "ConvolutionKernel": group.get("ConvolutionKernel"),
    }
    phase_values = [str(phase.get(name) or mark) for name, mark in zip(PHASE_KEYWORDS, whole.phase_values, strict=True)]
    stack = f" stack {group.StackID}" if several_stacks else ""
    return replace(
        whole,
        series=whole.series + stack,
        acquisition=str(group.get("FrameAcquisitionNumber", whole.acquisition)),
        instance=number + 1,
        position_mm=tuple(float(value) for value in group.ImagePositionPatient),
        orientation=tuple(float(value) for value in group.ImageOrientationPatient),
        pixel_spacing_mm=tuple(float(value) for value in group.get("PixelSpacing", whole.pixel_spacing_mm)),
        thickness_mm=float(group.get("SliceThickness") or whole.thickness_mm),
        slope=float(group.get("RescaleSlope") or whole.slope),
        intercept=float(group.get("RescaleIntercept", whole.intercept)),
        has_intercept="RescaleIntercept" in group or whole.has_intercept,
        pixels=_pixels(whole, number),
        sop=f"{whole.sop} frame {number + 1}",
        phase_values=tuple(phase_values),
        frame=number,
    )


def _pixels(whole: SliceHeader, number: int) -> tuple[int, int] | None:
    """(offset, length) of the frame's bytes; for compressed frames those of all frames, indexed by `frame`."""
    if whole.pixels is None or whole.pixels[1] == UNDEFINED:
        return whole.pixels
    length = whole.rows * whole.columns * np.dtype(whole.dtype).itemsize
    return whole.pixels[0] + number * length, length
