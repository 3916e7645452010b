"""Images read once: one memory-mapped array of them all at the size networks see, and a table of their headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pulmo.imaging.radiograph import equalize_clahe, resized
from pulmo.pipeline.stage import Stage
from pulmo.radiographs.reading import Reader, read_image

HEADER = ["patient", "age_years", "sex", "view", "modality", "pixel_spacing_mm", "rows", "columns", "error"]
"""Columns of the table of headers."""
_NAMED = 3


@dataclass(frozen=True)
class ImageFormat:
    """How networks see an image: uint8 (pixels, pixels), with CLAHE where the clip limit is above 0.

    `reader` turns a file into an X-ray; a competition with files of its own kind gives its own.
    """

    pixels: int
    clahe_clip_limit: float = 0.0
    reader: Reader = read_image


class ImageTask(NamedTuple):
    """An image to read, and its place in the array; it is sent to another process."""

    path: Path
    array: Path
    place: int
    format: ImageFormat


def cache_images(stage: Stage, output: str, files: Mapping[str, Path], image_format: ImageFormat) -> pd.DataFrame:
    """Read images into the stage's declared output, an array uint8 (files, pixels, pixels) in the order of `files`.

    Killed and run again, it goes on with what is left. An image that cannot be read is black, and noted.

    Returns:
        One row a file, indexed by `key`: HEADER, the fields of `RadiographHeader` (`pixel_spacing_mm` between rows) and
        `error`, why the file could not be read, None for the others.
    """
    array = stage.array(output, (len(files), image_format.pixels, image_format.pixels), "uint8")
    tasks = {key: ImageTask(path, array, place, image_format) for place, (key, path) in enumerate(files.items())}
    headers = stage.map_rows(read_into_cache, tasks, "X-rays").reindex(columns=HEADER)
    unread = headers["error"].dropna()
    for reason in unread.head(_NAMED):
        stage.note(f"An image is left out: {reason}")
    if len(unread) > _NAMED:
        stage.note(f"{len(unread) - _NAMED} more images are left out: they cannot be read either")
    return headers


def read_into_cache(task: ImageTask) -> dict[str, Any]:
    """Put an image into its place and return its header. Raises ScanError as the reader does."""
    radiograph = task.format.reader(task.path)
    images = np.load(task.array, mmap_mode="r+", allow_pickle=False)
    small = resized(radiograph.grey, images.shape[1])
    limit = task.format.clahe_clip_limit
    images[task.place] = equalize_clahe(small, limit) if limit else small
    images.flush()
    header = radiograph.header
    spacing_mm = header.pixel_spacing_mm
    return {**header._asdict(), "pixel_spacing_mm": spacing_mm[0] if spacing_mm else None}
