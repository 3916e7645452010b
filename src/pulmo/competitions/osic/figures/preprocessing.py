"""OSIC's report page, preprocessing: DICOM headers, Hounsfield units, resampling, masks and network input."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from pulmo.competitions.osic.figures.masks import excluded_scans, mask_quality, montage, with_mask, without_mask
from pulmo.competitions.osic.figures.scans import SCANNER_TAGS, overview, scanners, shown_scan
from pulmo.imaging.headers import header_table
from pulmo.imaging.hounsfield import LOWEST_HU, PADDING_HU
from pulmo.imaging.pixels import read_pixels
from pulmo.imaging.placing import counted
from pulmo.imaging.resample import resample
from pulmo.imaging.series import find_slices, stacks
from pulmo.pipeline.runner import Run
from pulmo.report.charts import bars, histogram
from pulmo.report.images import ImagePanel, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import GREY, INK, ORANGE, panel, plain_powers

MAX_CHARACTERS = 24
FEW_BARS = 20
BODY_WINDOW_HU = (-1000, 400)
LANDMARKS_HU = {"air": -1000, "lung": -800, "water": 0, "bone": 700}


def header(run: Run) -> Figure:
    """DICOM tags of one file."""
    scan = shown_scan(run)
    first = header_table(scan.folder).iloc[0]
    known = first[(first != "") & first.notna()]
    table = pd.DataFrame({"tag": known.index, "value": [_short(value) for value in known]})
    return Figure(
        "DICOM header",
        f"The first slice of {scan.patient}. Spacing, position, intercept, slope and padding define its geometry and "
        "Hounsfield units.",
        table,
        f"Table of the DICOM tags of {first['file']} and their values",
    )


def files_per_patient(run: Run) -> Figure:
    """DICOM files per scan, and matrix sizes."""
    scans = overview(run)
    sizes = scans.dropna(subset="rows")
    matrix = sizes["rows"].astype(int).astype(str) + " × " + sizes["columns"].astype(int).astype(str)
    counts = matrix.value_counts()
    files = scans["files"]
    bins = (np.arange(files.min(), files.max() + 2) - 0.5).tolist() if np.ptp(files) < FEW_BARS else FEW_BARS
    return Figure(
        "Files per patient, and matrix sizes",
        f"{files.sum():,} files of {counted(len(scans), 'patient')}, from {files.min()} to {files.max()}, mean "
        f"{files.mean():.0f}; {counted(len(counts), 'matrix size')} (rows × columns).",
        [histogram(files, "DICOM files per patient", "patients", bins), bars(counts.head(10), "patients")],
        "Histogram of DICOM files per patient, and bars of matrix sizes",
    )


def scanner_tables(run: Run) -> Figure:
    """Patients by scanner, reconstruction kernel and slice thickness."""
    scans = scanners(run)
    table = scans.value_counts().rename("patients").reset_index()
    thickness = pd.to_numeric(scans["slice thickness, mm"], errors="coerce")
    return Figure(
        "Scanners",
        f"{counted(len(scans), 'patient')} by scanner, kernel and slice thickness: "
        f"{counted(scans['model'].nunique(), 'model')}, {counted(scans['kernel'].nunique(), 'kernel')}, slices "
        f"{thickness.min():g} to {thickness.max():g} mm thick. Densities depend on all of them.",
        table,
        f"Table of patients by {', '.join(SCANNER_TAGS.values())}",
    )


def raw_and_hounsfield(run: Run) -> Figure:
    """A slice as stored and in Hounsfield units."""
    scan = shown_scan(run)
    slices, _ = find_slices(scan.folder)
    count = len(scan.volume.hu)
    ordered = next(stack.slices for stack in stacks(slices) if len(stack.slices) == count)
    middle, hu = ordered[count // 2], scan.volume.hu[count // 2]
    raw = read_pixels(middle)
    aspect = middle.pixel_spacing_mm[0] / middle.pixel_spacing_mm[1]
    measured = hu[hu > PADDING_HU]
    sign = "+" if middle.intercept >= 0 else "−"
    images = [
        ImagePanel(raw, "as stored", aspect=aspect),
        ImagePanel(hu, "Hounsfield units", window=BODY_WINDOW_HU, aspect=aspect),
    ]
    panels = [
        *image_panels(images, 2.6),
        _density(raw.ravel(), "stored value", {}),
        _density(measured, "Hounsfield units", LANDMARKS_HU),
    ]
    return Figure(
        "Stored values and Hounsfield units",
        f"HU = value × {middle.slope:g} {sign} {abs(middle.intercept):g}; {1 - measured.size / hu.size:.0%} of the "
        "slice's pixels are padding. The peaks of air, lung and soft tissue are at their expected values.",
        panels,
        "One slice as stored and in Hounsfield units, and the histograms of both",
    )


def resampling(run: Run) -> Figure:
    """A coronal plane before and after resampling."""
    scan = shown_scan(run)
    volume, isotropic = scan.volume, resample(scan.volume)
    middle = volume.hu.shape[1] // 2
    planes = [volume.hu[::-1, middle], isotropic.hu[::-1, round(middle * isotropic.hu.shape[1] / volume.hu.shape[1])]]
    spacings = [volume.spacing_mm, isotropic.spacing_mm]
    titles = [
        f"{name}: {' × '.join(map(str, hu.shape))}\n{' × '.join(f'{side:.2f}' for side in spacing)} mm"
        for name, hu, spacing in zip(("before", "after"), (volume.hu, isotropic.hu), spacings, strict=True)
    ]
    shown = [ImagePanel(plane, title, window=BODY_WINDOW_HU) for plane, title in zip(planes, titles, strict=True)]
    return Figure(
        "Resampling",
        "Every voxel is drawn as a square: proportions are correct only after resampling to 1 mm cubes. Networks use "
        "resampled volumes, statistics native ones.",
        [drawing for each in shown for drawing in image_panels([each], 4.9)],
        "A coronal plane with native voxels, and after resampling to 1 mm",
    )


def network_input(run: Run) -> Figure:
    """The network's input slices of one patient."""
    patients, slices = read(run, "features/sliced_patients")["patient"], read(run, "features/lung_slices")
    if not len(slices):
        raise CannotDrawError("features/lung_slices", "no patient has lung slices", "Give scans to `features`")
    shown = [
        ImagePanel(np.asarray(hu), f"{number + 1}", window=(LOWEST_HU, 200)) for number, hu in enumerate(slices[0])
    ]
    count, side = slices.shape[1], slices.shape[2]
    return Figure(
        "Network input",
        f"{count} slices of {patients.iloc[0]}, each representing an equal fraction of the lung volume, {side} × "
        f"{side} pixels; everything outside the lungs is set to air.",
        image_panels(shown, 1.6),
        f"{count} slices of masked lungs",
    )


FIGURES: tuple[Draw, ...] = (
    files_per_patient,
    scanner_tables,
    raw_and_hounsfield,
    header,
    resampling,
    montage,
    without_mask,
    with_mask,
    mask_quality,
    excluded_scans,
    network_input,
)


def _density(values: np.ndarray, label: str, landmarks: dict[str, int]) -> Drawing:
    with panel(2.9, 2.6) as drawing:
        axes = drawing.subplots()
        axes.hist(values, bins=120, color=ORANGE, histtype="stepfilled")
        for name, at in landmarks.items():
            axes.axvline(at, color=GREY, linewidth=0.8)
            axes.annotate(
                name,
                (at, 1),
                (2, -9),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                color=INK,
                fontsize=7,
            )
        if landmarks:
            axes.set_xlim(-1150, 1150)
        axes.set(xlabel=label, ylabel="pixels", yscale="log")
        plain_powers(axes.yaxis)
    return drawing


def _short(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"
