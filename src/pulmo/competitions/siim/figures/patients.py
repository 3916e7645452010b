"""SIIM's report page, data: age, sex and view by label."""

import numpy as np
import pandas as pd

from pulmo.pipeline.runner import Run
from pulmo.report.charts import Groups, histogram_by_group
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import SKY, VERMILION

PNEUMOTHORAX, NONE = "pneumothorax", "none"
BY_LABEL = Groups("label", {NONE: SKY, PNEUMOTHORAX: VERMILION})
NAMES = {"sex": {"F": "women", "M": "men"}, "view": {"PA": "PA", "AP": "AP"}}


def age_by_label(run: Run) -> Figure:
    """Age with and without pneumothorax."""
    images = _images(run)
    known = images.dropna(subset="age_years")
    if known.empty:
        raise CannotDrawError("features/image_table", "has no age", "No action needed")
    medians = known.groupby("label")["age_years"].median()
    words = " and ".join(f"{age:.0f} years ({label})" for label, age in medians.items())
    return Figure(
        "Age by label",
        f"{len(known):,} of {len(images):,} images have an age: medians are {words}. Every group has area 1.",
        histogram_by_group(known, "age_years", "age, years", BY_LABEL),
        "Histograms of age with and without pneumothorax",
    )


def sex_and_view(run: Run) -> Figure:
    """Images with pneumothorax by sex and by view."""
    images = _images(run)
    rows = []
    for column, names in NAMES.items():
        for value, name in names.items():
            labels = images.loc[images[column] == value, "label"] == PNEUMOTHORAX
            share = float(labels.mean()) if len(labels) else float("nan")
            error = float(np.sqrt(share * (1 - share) / len(labels))) if len(labels) else float("nan")
            rows.append((column, name, len(labels), int(labels.sum()), 100 * share, 100 * error))
    table = pd.DataFrame(
        rows, columns=["by", "group", "images", "with pneumothorax", "% with pneumothorax", "standard error, %"]
    )
    return Figure(
        "Sex and view by label",
        f"{len(images):,} images with a readable header. AP views are typical of bedside X-rays: where the view's "
        "fractions differ, it is a confounder.",
        table,
        "Table of images by sex and view, and the percentage with pneumothorax",
    )


FIGURES: tuple[Draw, ...] = (age_by_label, sex_and_view)


def _images(run: Run) -> pd.DataFrame:
    """The readable images of the stage `features`, with `label`."""
    table = read(run, "features/image_table")
    readable: pd.DataFrame = table[table["error"].isna()]
    return readable.assign(label=np.where(readable["area"] > 0, PNEUMOTHORAX, NONE))
