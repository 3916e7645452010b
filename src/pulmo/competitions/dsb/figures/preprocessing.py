"""The Data Science Bowl's report page, preprocessing: the network's input volumes, and the folds."""

import numpy as np
import pandas as pd

from pulmo.competitions.dsb.figures.scans import in_hu
from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.imaging.network_volume import NODULE_ENHANCED_HU
from pulmo.pipeline.runner import Run
from pulmo.report.charts import Groups, histogram_by_group
from pulmo.report.images import ImagePanel, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import SKY, VERMILION, panel
from pulmo.scoring.classification import auc

PER_CLASS = 4
SEED = 0


def network_volumes(run: Run) -> Figure:
    """The densest slice of some volumes of each class, by channel."""
    scans, volumes, description = (read(run, f"features/{name}") for name in ("scans", "volumes", "description"))
    wanted = VolumeFormat.from_json(description["volumes"])
    channels = wanted.lungs.channels if wanted.modality == "CT" else ("intensity",)
    shown = []
    for label in (1, 0):
        places = scans.index[scans["label"] == label].to_numpy()
        for place in np.random.default_rng(SEED).permutation(places)[:PER_CLASS].tolist():
            index = int(
                np.argmax(np.clip(volumes[place], NODULE_ENHANCED_HU, None).sum(axis=(1, 2, 3), dtype=np.int64))
            )
            for channel, name in enumerate(channels):
                kind = description["classes"][label]
                title = kind if len(channels) == 1 else f"{kind}, {name}"
                window = wanted.scale.low[channel], wanted.scale.high[channel]
                shown.append(ImagePanel(np.asarray(volumes[place, index, ..., channel]), title, window=window))
    slices, rows, columns = volumes.shape[1:4]
    return Figure(
        "Network input",
        f"{len(volumes):,} volumes of {slices} × {rows} × {columns} voxels, channels: {', '.join(channels)}; of "
        f"{PER_CLASS} of each class, drawn at random (seed {SEED}), the densest slice.",
        image_panels(shown, inches=1.3),
        f"{len(shown)} slices of input volumes of both classes",
    )


def dense_voxels(run: Run) -> Figure:
    """The fraction of dense voxels as a predictor: a baseline without a network."""
    scans, volumes, description = (read(run, f"features/{name}") for name in ("scans", "volumes", "description"))
    wanted = VolumeFormat.from_json(description["volumes"])
    _require_ct(wanted)
    channel = len(wanted.lungs.channels) - 1
    share = np.array([(volume[..., channel] > NODULE_ENHANCED_HU).mean() for volume in volumes])
    names = dict(enumerate(description["classes"]))
    table = scans.assign(share=100 * share, kind=scans["label"].map(names))
    value = auc(scans["label"].to_numpy(), share)
    return Figure(
        "Baseline: dense voxels",
        f"The percentage of voxels above {in_hu(NODULE_ENHANCED_HU)} (channel {wanted.lungs.channels[channel]!r}) "
        f"alone separates the classes with an AUC of {value:.3f}, the baseline for the networks.",
        histogram_by_group(
            table,
            "share",
            f"% of voxels above {in_hu(NODULE_ENHANCED_HU)}",
            Groups("kind", {names[0]: SKY, names[1]: VERMILION}),
        ),
        "Histograms of the percentage of dense voxels, one per class",
    )


def candidate_positions(run: Run) -> Figure:
    """Where nodule candidates lie in the input volumes: seen from the front, by class."""
    scans, volumes, description = (read(run, f"features/{name}") for name in ("scans", "volumes", "description"))
    wanted = VolumeFormat.from_json(description["volumes"])
    _require_ct(wanted)
    if "nodule_enhanced" not in wanted.lungs.channels:
        raise CannotDrawError("features/volumes", "have no nodule-enhanced channel", "Add that channel")
    channel = wanted.lungs.channels.index("nodule_enhanced")
    front = [np.asarray((volume[..., channel] > NODULE_ENHANCED_HU).any(axis=1)) for volume in volumes]
    labels = scans["label"].to_numpy()
    means = [
        np.mean([seen for seen, each in zip(front, labels, strict=True) if each == label], axis=0) for label in (0, 1)
    ]
    slices_up = (0, volumes.shape[3], 0, volumes.shape[1])
    drawn = []
    for kind, mean, count in zip(
        description["classes"], means, np.bincount(labels.astype(int), minlength=2), strict=True
    ):
        with panel(3.2, 2.7) as drawing:
            axes = drawing.subplots()
            image = axes.imshow(
                mean,
                cmap="inferno",
                vmin=0,
                vmax=1,
                origin="lower",
                extent=slices_up,
                aspect="auto",
                interpolation="none",
            )
            axes.set(
                xlabel="columns, to the patient's left", ylabel="slices, feet to head", title=f"{kind}, n = {count}"
            )
            axes.grid(visible=False)
            drawing.colorbar(image, label="fraction of scans", fraction=0.05)
        drawn.append(drawing)
    return Figure(
        "Where nodule candidates lie",
        f"Seen from the front: the fraction of scans with a candidate, a voxel above {in_hu(NODULE_ENHANCED_HU)} in "
        "the nodule-enhanced channel, anywhere from front to back. Vessels at the hilum remain in part.",
        drawn,
        "Heat maps of nodule candidates in the coronal projection, one per class",
    )


def folds(run: Run) -> Figure:
    """Scans and patients per fold."""
    scans, classes = read(run, "features/scans"), read(run, "features/description")["classes"]
    by_fold = scans.groupby("fold")
    table = pd.DataFrame(
        {
            "fold": sorted(scans["fold"].unique()),
            "scans": by_fold.size().to_numpy(),
            "patients": by_fold["patient"].nunique().to_numpy(),
            classes[1]: by_fold["label"].sum().astype(int).to_numpy(),
        }
    )
    shared = len(scans[["patient", "fold"]].drop_duplicates()) - scans["patient"].nunique()
    return Figure(
        "Folds",
        f"{len(scans):,} scans of {scans['patient'].nunique():,} patients, {shared} of whom are in several folds.",
        table,
        "Table of folds: scans, patients, scans of class 1",
    )


def _require_ct(wanted: VolumeFormat) -> None:
    if wanted.modality != "CT":
        raise CannotDrawError("features/volumes", "are of MR, whose values have no unit", "No action needed")


FIGURES: tuple[Draw, ...] = (network_volumes, dense_voxels, candidate_positions, folds)
