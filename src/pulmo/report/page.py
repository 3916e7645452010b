"""One self-contained HTML page: sections of figures, each with a sentence that tells what to see."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure as Drawing

Picture = Drawing | Sequence[Drawing] | pd.DataFrame | Any
"""What a figure shows, each at home in light and dark, and on a phone:

- a matplotlib figure from `style.panel` (saved as SVG that takes the page's colours; its images become WebP; mark
  scatters of more than some hundred points `rasterized=True`). Keep it at most 7 inches wide: on a phone it is as
  wide as the screen, 7 inches are then hard to read, 3.5 are good;
- a list of such figures, small ones, flowing into as many columns as fit: the way to many X-rays or many panels;
- a plotly `Figure`, where a picture should turn or be hovered (`style.interactive` gives it the page's look);
- a small table, whose columns sort. Its index is not shown.
"""


class Figure(NamedTuple):
    """One figure: `says` is a sentence that tells what to see, `alternative` stands for it where it is not seen."""

    title: str
    says: str
    picture: Picture
    alternative: str


class Section(NamedTuple):
    """A part of the page, under its heading; `remarks` are sentences, such as what is left out and why."""

    title: str
    figures: Sequence[Figure]
    remarks: Sequence[str] = ()


def write_page(path: Path, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Write the page; it opens from disk and asks for nothing else."""
