"""The Data Science Bowl's report page, errors: Grad-CAM heat maps, and the held-out scans with the largest loss."""

import matplotlib as mpl
import numpy as np

from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.imaging.network_volume import NODULE_ENHANCED_HU
from pulmo.pipeline.runner import Run
from pulmo.report.images import ImagePanel, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.scoring.log_loss import log_loss

SCANS = 3
SLICES = 7
WORST = 7
HALF = 0.5


def largest_errors(run: Run) -> Figure:
    """The held-out scans with the largest log loss."""
    held, volumes = read(run, "fit_ensemble/out_of_fold"), read(run, "features/volumes")
    description = read(run, "features/description")
    scale = VolumeFormat.from_json(description["volumes"]).scale
    loss = log_loss(held["label"].to_numpy(), held["probability"].to_numpy())
    worst = np.argsort(-loss, kind="stable")[:WORST]
    shown = []
    for place in worst.tolist():
        row, volume = held.iloc[place], np.asarray(volumes[place])[..., -1]
        index = int(np.argmax(np.clip(volume, NODULE_ENHANCED_HU, None).sum(axis=(1, 2), dtype=np.int64)))
        title = f"{description['classes'][int(row['label'])]}\npredicted {row['probability']:.2f}, slice {index + 1}"
        shown.append(ImagePanel(volume[index], title, window=(scale.low[-1], scale.high[-1])))
    share = float(loss[worst].sum()) / float(loss.sum())
    return Figure(
        "Largest errors",
        f"The {len(worst)} held-out scans with the largest log loss, {share:.0%} of the total; for each the densest "
        "slice, with the true class and the predicted probability.",
        image_panels(shown, inches=1.6),
        f"{len(shown)} slices of misclassified scans",
    )


def grad_cam(run: Run) -> Figure:
    """Regions of the most probable scans that contribute to class 1."""
    rows = read(run, "predict/grad_cam_scans").head(SCANS)
    if rows.empty:
        raise CannotDrawError("predict/grad_cam_scans", "has no scan", "Set predict.grad_cams higher")
    volumes, cams = read(run, "predict/volumes"), read(run, "predict/cams")
    shown, fractions = [], []
    for number, row in enumerate(rows.itertuples()):
        grey, cam = np.asarray(volumes[number])[..., 0], np.asarray(cams[number])
        limits = np.quantile(grey, [0.01, 0.995])
        chosen = np.sort(np.argsort(-cam.sum(axis=(1, 2)), kind="stable")[:SLICES])
        for index in chosen.tolist():
            title = f"scan {number + 1}, predicted {row.probability:.3f}\nslice {index + 1}{_side(cam[index])}"
            shown.append(ImagePanel(_overlaid(grey[index], cam[index], limits), title))
        fractions.append(f"{(cam > HALF).mean():.1%}")
    return Figure(
        "Grad-CAM",
        f"The {len(rows)} test scans with the highest probability ({', '.join(rows['id'].str[:8])}), up to {SLICES} "
        f"slices of each with the largest contribution to the class (bright). Above half of the maximum are "
        f"{', '.join(fractions)} of their voxels.",
        image_panels(shown, inches=1.6),
        f"{len(shown)} slices with Grad-CAM heat maps",
    )


def _side(cam: np.ndarray) -> str:
    """The side with most of the heat map, if one has at least 70 %: columns run to the patient's left."""
    half = cam.shape[1] // 2
    right, left = float(cam[:, :half].sum()), float(cam[:, half:].sum())
    if max(left, right) < 0.7 * (left + right):
        return ""
    return ", patient's left" if left > right else ", patient's right"


def _overlaid(grey: np.ndarray, cam: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """A grey image overlaid with the heat map: uint8 (rows, columns, 3)."""
    low, high = limits
    base = np.clip((grey - low) / max(high - low, 1), 0, 1)[..., None]
    heat = mpl.colormaps["inferno"](np.clip(cam, 0, 1))[..., :3]
    weight = 0.75 * np.clip(cam, 0, 1)[..., None]
    return np.asarray(np.rint(255 * ((1 - weight) * base + weight * heat)), np.uint8)


FIGURES: tuple[Draw, ...] = (grad_cam, largest_errors)
