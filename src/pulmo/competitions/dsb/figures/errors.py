"""The Data Science Bowl's report page, errors: where the networks looked, and the scans they were most wrong about."""

import matplotlib as mpl
import numpy as np

from pulmo.competitions.dsb.volumes import VolumeFormat
from pulmo.imaging.network_volume import NODULE_ENHANCED_HU
from pulmo.pipeline.runner import Run
from pulmo.report.images import Shown, image_panels
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.scoring.log_loss import log_loss

SCANS = 3
SLICES = 7
WRONG = 7
HALF = 0.5


def most_wrong(run: Run) -> Figure:
    """Held-out scans of the greatest log loss."""
    held, volumes = read(run, "fit_ensemble/out_of_fold"), read(run, "features/volumes")
    description = read(run, "features/description")
    scale = VolumeFormat.from_json(description["volumes"]).scale
    loss = log_loss(held["label"].to_numpy(), held["probability"].to_numpy())
    worst = np.argsort(-loss, kind="stable")[:WRONG]
    shown = []
    for place in worst.tolist():
        row, volume = held.iloc[place], np.asarray(volumes[place])[..., -1]
        index = int(np.argmax(np.clip(volume, NODULE_ENHANCED_HU, None).sum(axis=(1, 2), dtype=np.int64)))
        title = f"{description['classes'][int(row['label'])]}\nsaid {row['probability']:.2f}, slice {index + 1}"
        shown.append(Shown(volume[index], title, window=(scale.low[-1], scale.high[-1])))
    share = float(loss[worst].sum()) / float(loss.sum())
    return Figure(
        "Most wrong",
        f"The {len(worst)} held-out scans of the greatest log loss, which make up {share:.0%} of it all; of each the "
        "slice with most that is dense, under what it is and the probability that was said.",
        image_panels(shown, inches=1.6),
        f"{len(shown)} slices of scans that were misjudged",
    )


def grad_cam(run: Run) -> Figure:
    """Where in the most probable scans the networks saw the class 1."""
    rows = read(run, "predict/looked_at").head(SCANS)
    if rows.empty:
        raise CannotDrawError("predict/looked_at", "has no scan", "Set predict.grad_cams higher")
    volumes, cams = read(run, "predict/volumes"), read(run, "predict/cams")
    shown, words = [], []
    for number, row in enumerate(rows.itertuples()):
        grey, cam = np.asarray(volumes[number])[..., 0], np.asarray(cams[number])
        limits = np.quantile(grey, [0.01, 0.995])
        chosen = np.sort(np.argsort(-cam.sum(axis=(1, 2)), kind="stable")[:SLICES])
        for index in chosen.tolist():
            title = f"scan {number + 1}, said {row.probability:.3f}\nslice {index + 1}{_side(cam[index])}"
            shown.append(Shown(_overlaid(grey[index], cam[index], limits), title))
        words.append(f"{(cam > HALF).mean():.1%}")
    return Figure(
        "Where the networks looked (Grad-CAM)",
        f"The {len(rows)} most probable scans that were asked about ({', '.join(rows['id'].str[:8])}), up to "
        f"{SLICES} slices of each in which most spoke for the class; bright is what spoke loudest. More than half as "
        f"loud is {', '.join(words)} of their voxels.",
        image_panels(shown, inches=1.6),
        f"{len(shown)} slices with a heat map of where the networks looked",
    )


def _side(cam: np.ndarray) -> str:
    """In which half of the picture the heat is: columns run to the patient's left."""
    half = cam.shape[1] // 2
    right, left = float(cam[:, :half].sum()), float(cam[:, half:].sum())
    if max(left, right) < 0.7 * (left + right):
        return ""
    return ", patient's left" if left > right else ", patient's right"


def _overlaid(grey: np.ndarray, cam: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Grey with the heat over it: uint8 (rows, columns, 3)."""
    low, high = limits
    base = np.clip((grey - low) / max(high - low, 1), 0, 1)[..., None]
    heat = mpl.colormaps["inferno"](np.clip(cam, 0, 1))[..., :3]
    weight = 0.75 * np.clip(cam, 0, 1)[..., None]
    return np.asarray(np.rint(255 * ((1 - weight) * base + weight * heat)), np.uint8)


FIGURES: tuple[Draw, ...] = (grad_cam, most_wrong)
