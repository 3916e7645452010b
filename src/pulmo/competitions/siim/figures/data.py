"""SIIM's report page, data: Kaggle's masks, and example X-rays."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.siim.data import TRAIN_IMAGES, read_masks, train_table
from pulmo.competitions.siim.figures.mask_positions import FIGURES as OF_MASKS
from pulmo.competitions.siim.figures.patients import FIGURES as OF_PATIENTS
from pulmo.competitions.siim.submission import ENCODED_PIXELS, IMAGE, read_solution
from pulmo.errors import ScanError
from pulmo.imaging.radiograph import Radiograph, read_radiograph
from pulmo.pipeline.runner import Run
from pulmo.radiographs.files import ImageFolder, image_files
from pulmo.report.images import ImagePanel, MaskOutline, image_panels
from pulmo.report.page import Figure
from pulmo.report.percent_axis import log_percent_axis
from pulmo.report.sections import CannotDrawError, Draw
from pulmo.report.style import BLUE, GREY, ORANGE, SKY, legend_above, panel, plain_powers
from pulmo.scoring.dice import PIXELS
from pulmo.scoring.rle import RunLengthMasks, area, decode, parse

SHOWN = 5  # with pneumothorax, and as many without
SEED = 0
GREYS = (0.0, 255.0)


def masks_and_rows(run: Run) -> Figure:
    """Images by number of masks."""
    rows = read_solution(train_table(run.paths.data))
    masks = parse(rows[ENCODED_PIXELS].to_list())
    there = area(masks) > 0
    images = rows[IMAGE]
    per_image: pd.Series[int] = pd.Series(there).groupby(images.to_numpy()).sum()
    counts = per_image.value_counts().sort_index()
    empty, several = int(counts.get(0, 0)), int((per_image > 1).sum())
    overlapping = _overlapping(rows, masks)
    with panel(4.0, 2.6) as drawing:
        axes = drawing.subplots()
        names = ["none" if number == 0 else str(number) for number in counts.index]
        bars = axes.bar(names, counts, color=[GREY if number == 0 else BLUE for number in counts.index])
        axes.bar_label(bars, [f"{count:,}" for count in counts], fontsize=8)
        axes.set(xlabel="masks per image", ylabel="images", yscale="log", ylim=(0.7, 3 * counts.max()))
        plain_powers(axes.yaxis)
        axes.grid(visible=False, axis="x")
    share = empty / len(per_image)
    return Figure(
        "Empty and multi-row images",
        f"{len(rows):,} rows of {len(per_image):,} images: {empty:,} ({share:.1%}) have no pneumothorax, so "
        f"predicting none everywhere scores {share:.4f}; {several:,} have several masks, which overlap in "
        f"{overlapping:,} images and are united. The scale is logarithmic.",
        drawing,
        f"Bars: images by number of masks; none {empty}, one {int(counts.get(1, 0))}, several {several}",
    )


def _overlapping(rows: pd.DataFrame, masks: RunLengthMasks) -> int:
    """Number of images with overlapping masks."""
    table = rows.assign(area=area(masks))
    several = table[table[IMAGE].duplicated(keep=False) & (table["area"] > 0)]
    owner = masks.owners
    image = pd.factorize(table[IMAGE])[0]
    runs = pd.DataFrame({"image": image[owner], "start": masks.starts, "end": masks.ends})
    runs = runs[runs["image"].isin(np.unique(image[several.index]))].sort_values(["image", "start"])
    furthest = runs.groupby("image")["end"].cummax().groupby(runs["image"]).shift(fill_value=0)
    return int(runs.loc[runs["start"] < furthest, "image"].nunique())


def mask_areas(run: Run) -> Figure:
    """Distribution of mask areas."""
    masks = read_masks(train_table(run.paths.data))
    sizes = area(parse(masks["rle"].to_list()))
    shares = sizes[sizes > 0] / PIXELS
    if not len(shares):
        raise CannotDrawError(str(train_table(run.paths.data)), "has no mask", "Download the file again")
    low, middle, high = np.quantile(shares, [0.05, 0.5, 0.95])
    with panel(4.0, 2.6) as drawing:
        axes = drawing.subplots()
        axes.hist(shares, np.geomspace(np.min(shares) * 0.99, np.max(shares) * 1.01, 40).tolist(), color=SKY)
        axes.axvline(middle, color=ORANGE, linewidth=1.5, label=f"median {middle:.2%}")
        axes.set(xlabel="mask area, fraction of the image", ylabel="images")
        log_percent_axis(axes)
        legend_above(axes)
    return Figure(
        "Mask areas",
        f"{len(shares):,} images with a pneumothorax: the median mask covers {middle:.2%} of the image, 90 % are "
        f"between {low:.2%} and {high:.2%}. The scale is logarithmic.",
        drawing,
        f"Histogram of mask areas, logarithmic, from {np.min(shares):.3%} to {np.max(shares):.1%} of the image",
    )


def with_pneumothorax(run: Run) -> Figure:
    """X-rays with pneumothorax, and their masks' outlines."""
    masks, files = _partners(run)
    marked = masks[masks["rle"] != "-1"]
    shown = []
    for row, x_ray in _readable(marked, files):
        rows, columns = x_ray.grey.shape
        mask = decode(parse([row["rle"]]), (rows, columns))[0] > 0
        title = f"{mask.mean():.2%} of the image"
        shown.append(ImagePanel(x_ray.grey, title, [MaskOutline(mask, SKY)], window=GREYS))
    return Figure(
        "With pneumothorax",
        f"{len(shown)} of {len(marked):,} X-rays with pneumothorax (drawn at random, seed {SEED}), the masks' outlines "
        "in blue; no lung vessels are visible inside.",
        image_panels(shown),
        f"{len(shown)} chest X-rays, each with the outline of a pneumothorax",
    )


def without_pneumothorax(run: Run) -> Figure:
    """X-rays without pneumothorax."""
    masks, files = _partners(run)
    empty = masks[masks["rle"] == "-1"]
    shown = [ImagePanel(x_ray.grey, _of_patient(x_ray), window=GREYS) for _, x_ray in _readable(empty, files)]
    return Figure(
        "Without pneumothorax",
        f"{len(shown)} of {len(empty):,} X-rays with an empty mask (drawn at random, seed {SEED}): any predicted pixel "
        "reduces the score of such an image to 0.",
        image_panels(shown),
        f"{len(shown)} chest X-rays without a pneumothorax",
    )


def _partners(run: Run) -> tuple[pd.DataFrame, dict[str, Path]]:
    """Masks with an image file, and the files by id."""
    masks, files = read_masks(train_table(run.paths.data)), image_files(ImageFolder(run.paths.data / TRAIN_IMAGES))
    masks = masks[masks["image"].isin(files)]
    if masks.empty:
        raise CannotDrawError(
            str(run.paths.data / TRAIN_IMAGES), "holds no image that has a mask", "Put Kaggle's files there"
        )
    return masks, files


def _readable(masks: pd.DataFrame, files: dict[str, Path]) -> Iterator[tuple[pd.Series, Radiograph]]:
    """Up to SHOWN random images with their rows; unreadable images are skipped."""
    found = 0
    for place in np.random.default_rng(SEED).permutation(len(masks)).tolist():
        row = masks.iloc[place]
        try:
            x_ray = read_radiograph(files[row["image"]])
        except ScanError:
            continue
        yield row, x_ray
        found += 1
        if found == SHOWN:
            return


def _of_patient(x_ray: Radiograph) -> str:
    """Sex, age and view, as far as known."""
    header = x_ray.header
    age = None if header.age_years is None else f"{header.age_years:.0f} years"
    parts: Sequence[str | None] = (header.sex, age, header.view)
    return ", ".join(part for part in parts if part) or "X-ray"


FIGURES: tuple[Draw, ...] = (
    masks_and_rows,
    mask_areas,
    *OF_MASKS,
    *OF_PATIENTS,
    with_pneumothorax,
    without_pneumothorax,
)
