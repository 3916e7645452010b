"""OSIC's report page, preprocessing: from DICOM files to Hounsfield units, one spacing, slices for a network."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from pulmo.competitions.osic.figures.masks import mask_quality, montage, scans_set_aside, with_mask, without_mask
from pulmo.competitions.osic.figures.scans import overview, shown_scan
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

MOST_LETTERS = 24
FEW_BARS = 20
BODY_WINDOW_HU = (-1000, 400)
LANDMARKS_HU = {"air": -1000, "lung": -800, "water": 0, "bone": 700}


def header(run: Run) -> Figure:
    """What one file's header says."""
    scan = shown_scan(run)
    first = header_table(scan.folder).iloc[0]
    known = first[(first != "") & first.notna()]
    table = pd.DataFrame({"tag": known.index, "value": [_short(value) for value in known]})
    return Figure(
        "One header",
        f"The first slice of {scan.patient}. Spacing, position, intercept, slope and padding tell how "
        "its pixels become a body.",
        table,
        f"Table of the DICOM tags of {first['file']} and their values",
    )


def files_per_patient(run: Run) -> Figure:
    """How many DICOM files each scan has, and how large its slices are."""
    scans = overview(run)
    sizes = scans.dropna(subset="rows")
    matrix = sizes["rows"].astype(int).astype(str) + " × " + sizes["columns"].astype(int).astype(str)
    counts = matrix.value_counts()
    files = scans["files"]
    bins = (np.arange(files.min(), files.max() + 2) - 0.5).tolist() if np.ptp(files) < FEW_BARS else FEW_BARS
    return Figure(
        "Files a patient, and their size",
        f"{files.sum():,} files of {counted(len(scans), 'patient')}, from {files.min()} to {files.max()}, "
        f"{files.mean():.0f} on average; their slices come in {counted(len(counts), 'size')} of rows × columns.",
        [histogram(files, "DICOM files of a patient", "patients", bins), bars(counts.head(10), "patients")],
        "Histogram of DICOM files a patient, and bars of matrix sizes",
    )


def raw_and_hounsfield(run: Run) -> Figure:
    """A slice as stored, and in Hounsfield units."""
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
    pictures = [
        *image_panels(images, 2.6),
        _density(raw.ravel(), "stored value", {}),
        _density(measured, "Hounsfield units", LANDMARKS_HU),
    ]
    return Figure(
        "As stored, and in Hounsfield units",
        f"Value × {middle.slope:g} {sign} {abs(middle.intercept):g}, and what was not measured set apart: "
        f"{1 - measured.size / hu.size:.0%} of this slice. Peaks then lie where air, lung and soft tissue belong.",
        pictures,
        "One slice as stored and in Hounsfield units, and the histograms of both",
    )


def resampling(run: Run) -> Figure:
    """A plane through the scan from the front, before and after."""
    scan = shown_scan(run)
    volume, even = scan.volume, resample(scan.volume)
    middle = volume.hu.shape[1] // 2
    planes = [volume.hu[::-1, middle], even.hu[::-1, round(middle * even.hu.shape[1] / volume.hu.shape[1])]]
    spacings = [volume.spacing_mm, even.spacing_mm]
    titles = [
        f"{name}: {' × '.join(map(str, hu.shape))}\n{' × '.join(f'{side:.2f}' for side in spacing)} mm"
        for name, hu, spacing in zip(("before", "after"), (volume.hu, even.hu), spacings, strict=True)
    ]
    shown = [ImagePanel(plane, title, window=BODY_WINDOW_HU) for plane, title in zip(planes, titles, strict=True)]
    return Figure(
        "Before and after resampling",
        "One voxel is drawn as a square in both: only after resampling to cubes of one millimetre has the body its own "
        "proportions. Networks see such copies; statistics are taken before.",
        [drawing for each in shown for drawing in image_panels([each], 4.9)],
        "A frontal plane of the scan with its stored voxels, and after resampling to one millimetre",
    )


def seen_by_the_network(run: Run) -> Figure:
    """The slices of one patient as the network sees them."""
    patients, slices = read(run, "features/sliced_patients")["patient"], read(run, "features/lung_slices")
    if not len(slices):
        raise CannotDrawError("features/lung_slices", "no patient has lung slices", "Give scans to `features`")
    shown = [
        ImagePanel(np.asarray(hu), f"{number + 1}", window=(LOWEST_HU, 200)) for number, hu in enumerate(slices[0])
    ]
    count, side = slices.shape[1], slices.shape[2]
    return Figure(
        "What the network sees",
        f"{count} slices of {patients.iloc[0]}, each standing for an equal share of the lungs, {side} × {side} pixels; "
        "what is not lung is air.",
        image_panels(shown, 1.6),
        f"{count} slices of the lungs alone, everything else black",
    )


FIGURES: tuple[Draw, ...] = (
    files_per_patient,
    raw_and_hounsfield,
    header,
    resampling,
    montage,
    without_mask,
    with_mask,
    mask_quality,
    scans_set_aside,
    seen_by_the_network,
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
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
