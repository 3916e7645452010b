"""X-rays read once: one memory-mapped array of them all at the size networks see, and a table of what they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pulmo.imaging.radiograph import equalize_clahe, read_radiograph, resized
from pulmo.pipeline.stage import Stage


class ImageTask(NamedTuple):
    """An X-ray to read, and its place in the array; it is sent to another process."""

    path: Path
    array: Path
    place: int
    contrast: float


def cache_images(
    stage: Stage, output: str, files: Mapping[str, Path], pixels: int, contrast: float = 0.0
) -> pd.DataFrame:
    """Read X-rays into the stage's declared output, an array uint8 (files, pixels, pixels) in the order of `files`.

    Killed and run again, it goes on with what is left. `contrast` is the clip limit of CLAHE (0: none).

    Returns:
        One row a file, indexed by `key`: the fields of `RadiographHeader` but for spacing, which is
        `pixel_spacing_mm` between rows; `error` says why a file could not be read, its picture being black.
    """
    array = stage.array(output, (len(files), pixels, pixels), "uint8")
    tasks = {key: ImageTask(path, array, place, contrast) for place, (key, path) in enumerate(files.items())}
    return stage.map_rows(read_image, tasks, "X-rays")


def read_image(task: ImageTask) -> dict[str, Any]:
    """Put an X-ray into its place; what its header says. Raises ScanError as `read_radiograph` does."""
    radiograph = read_radiograph(task.path)
    pictures = np.load(task.array, mmap_mode="r+", allow_pickle=False)
    small = resized(radiograph.grey, pictures.shape[1])
    pictures[task.place] = equalize_clahe(small, task.contrast) if task.contrast else small
    pictures.flush()
    header = radiograph.header
    spacing_mm = header.pixel_spacing_mm
    return {**header._asdict(), "pixel_spacing_mm": spacing_mm[0] if spacing_mm else None}
