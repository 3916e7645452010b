"""RSNA's report page, data: sex, view, pixel spacing and age by class."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from pulmo.competitions.rsna.data import NORMAL, OLDEST_YEARS, OPACITY, read_labels
from pulmo.competitions.rsna.figures.headers import SHORT, classes_of, read_headers
from pulmo.pipeline.runner import Run
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw
from pulmo.report.style import BLUE, GREY, INK, PURPLE, SKY, VERMILION, legend_above, panel, text_on
from pulmo.scoring.boxes import SIDE

NEARLY_ALL = 0.95
AGE_BIN_YEARS = 10


def sex_and_view(run: Run) -> Figure:
    """Sex and view position by class."""
    headers = read_headers(run)
    classes = classes_of(headers.table)
    drawn = [
        _shares(classes, "sex", {"F": "women", "M": "men"}, (PURPLE, BLUE)),
        _shares(classes, "view", {"PA": "PA, upright", "AP": "AP, often supine"}, (SKY, VERMILION)),
    ]
    words = []
    for name in (OPACITY, NORMAL):
        if name in classes:
            views = classes[name]["view"].value_counts(normalize=True)
            words.append(f"{views.get('AP', 0.0):.0%} of the X-rays in the class {name!r}")
    women = (headers.table["sex"] == "F").mean()
    return Figure(
        "Sex and view",
        f"{women:.0%} of {len(headers.table):,} X-rays are of women. AP views, typical of bedside X-rays, are "
        f"{', '.join(words)}: view position is a confounder. From {headers.origin}.",
        drawn,
        "Stacked bars: sex and view position by class",
    )


def _shares(classes: dict[str, pd.DataFrame], column: str, names: dict[str, str], colours: tuple[str, str]) -> Drawing:
    with panel(3.3, 0.9 + 0.5 * len(classes)) as drawing:
        axes = drawing.subplots()
        for place, (name, rows) in enumerate(reversed(classes.items())):
            start = 0.0
            for value, colour in zip(names, colours, strict=True):
                share = float((rows[column] == value).mean())
                label = names[value] if place == 0 else None
                axes.barh(place, share, left=start, color=colour, height=0.7, label=label)
                if share > 0.1:
                    axes.text(start + share / 2, place, f"{share:.0%}", ha="center", va="center", color=text_on(colour))
                start += share
            axes.text(-0.02, place, f"{SHORT[name]}\nn = {len(rows):,}", ha="right", va="center", color=INK, fontsize=8)
        axes.set(xlim=(0, 1), yticks=[], xlabel="fraction of the class")
        axes.grid(visible=False)
        legend_above(axes, columns=2)
    return drawing


def pixel_spacing(run: Run) -> Figure:
    """Pixel spacing by view position."""
    headers = read_headers(run)
    known = headers.table.dropna(subset="pixel_spacing_mm")
    if known.empty:
        raise CannotDrawError(headers.origin, "have no pixel spacing", "No action needed")
    counts = pd.crosstab(known["pixel_spacing_mm"], known["view"])
    most = counts.sum(axis=1).nlargest(12).sort_index()
    with panel(3.6, 2.8) as drawing:
        axes = drawing.subplots()
        start = np.zeros(len(most))
        for view, colour in (("PA", SKY), ("AP", VERMILION)):
            if view in counts:
                values = counts.loc[most.index, view].to_numpy()
                axes.bar([f"{value:.3f}" for value in most.index], values, bottom=start, color=colour, label=view)
                start += values
        axes.set(xlabel="pixel spacing, mm", ylabel="X-rays")
        axes.tick_params(axis="x", rotation=60, labelsize=7)
        axes.grid(visible=False, axis="x")
        legend_above(axes, columns=2)
    first = float(most.index[int(most.argmax())])
    of_one_view = int(counts[counts.max(axis=1) >= NEARLY_ALL * counts.sum(axis=1)].to_numpy().sum())
    side_cm = SIDE * first / 10
    too_small = (
        ", smaller than a chest: the images were downsampled without updating the headers" if side_cm < 25 else ""
    )
    return Figure(
        "Pixel spacing",
        f"{known['pixel_spacing_mm'].nunique()} spacings from {known['pixel_spacing_mm'].min():.3f} to "
        f"{known['pixel_spacing_mm'].max():.3f} mm, most often {first:.3f} ({most.max() / len(known):.0%}): {SIDE} "
        f"pixels span {side_cm:.0f} cm{too_small}. {of_one_view / len(known):.0%} of the X-rays have a spacing that "
        f"occurs almost only in one view. From {headers.origin}.",
        drawing,
        "Stacked bars: X-rays by pixel spacing and view position",
    )


def age_by_class(run: Run) -> Figure:
    """Box plots of age by class, with implausible ages marked."""
    headers = read_headers(run)
    known = headers.table.dropna(subset="age_years")
    if known.empty:
        raise CannotDrawError(headers.origin, "have no age", "No action needed")
    impossible = known["impossible_age"].to_numpy(bool)
    classes = classes_of(known)
    with panel(3.8, 3.0) as drawing:
        axes = drawing.subplots()
        axes.boxplot(
            [rows.loc[~rows["impossible_age"].astype(bool), "age_years"] for rows in classes.values()],
            widths=0.6,
            patch_artist=True,
            boxprops={"facecolor": "none", "edgecolor": GREY},
            whiskerprops={"color": GREY},
            capprops={"color": GREY},
            medianprops={"color": INK, "linewidth": 2},
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": GREY},
        )
        for place, rows in enumerate(classes.values(), 1):
            implausible = rows.loc[rows["impossible_age"].astype(bool), "age_years"]
            axes.plot([place] * len(implausible), implausible, "x", color=VERMILION)
        axes.set_xticks(
            range(1, len(classes) + 1),
            [f"{SHORT[name]}\nn = {len(rows):,}" for name, rows in classes.items()],
            color=INK,
        )
        axes.set_ylabel("age in years")
        axes.grid(visible=False, axis="x")
    medians = ", ".join(f"{rows['age_years'].median():.0f} ({name})" for name, rows in classes.items())
    strange = sorted(known.loc[impossible, "age_years"].astype(int).to_list())
    ages = f" ({', '.join(map(str, strange[:8]))}; crosses)" if strange else ""
    return Figure(
        "Age by class",
        f"Median ages: {medians}. Above {OLDEST_YEARS} years: {len(strange)}{ages}; below three: "
        f"{int((known['age_years'] < 3).sum())}. From {headers.origin}.",
        drawing,
        f"Box plots of age by class, with {len(strange)} implausible ages as outliers",
    )


def views_compared(run: Run) -> Figure:
    """Opacities in AP and in PA views."""
    headers = read_headers(run)
    boxes = read_labels(run.paths.data).boxes
    area = (boxes["width"] * boxes["height"] / SIDE**2).groupby(boxes["image"]).sum()
    rows = []
    for view, images in headers.table.groupby("view"):
        positive = images[images["boxes"] > 0]
        rows.append(
            {
                "view": view,
                "X-rays": len(images),
                "with opacity": len(positive),
                "% with opacity": 100 * len(positive) / len(images),
                "boxes per positive": positive["boxes"].mean(),
                "area of a positive's boxes, % of the image": 100 * area.reindex(positive["image"]).mean(),
                "median age": images["age_years"].median(),
            }
        )
    if not rows:
        raise CannotDrawError(headers.origin, "have no view position", "No action needed")
    table = pd.DataFrame(rows)
    most = table.loc[table["% with opacity"].idxmax()]
    return Figure(
        "AP against PA",
        f"Opacities are most frequent in {most['view']} views: {most['% with opacity']:.0f}% of {most['X-rays']:,} "
        f"X-rays. From {headers.origin}.",
        table,
        "Table of X-rays, opacities, boxes and ages by view position",
    )


def boxes_by_age(run: Run) -> Figure:
    """The fraction of X-rays with opacity, and their number of boxes, by age."""
    headers = read_headers(run)
    known = headers.table[headers.table["age_years"].notna() & ~headers.table["impossible_age"].astype(bool)]
    if known.empty:
        raise CannotDrawError(headers.origin, "have no age", "No action needed")
    decade = (known["age_years"] // AGE_BIN_YEARS * AGE_BIN_YEARS).astype(int)
    by_age = known.assign(positive=known["boxes"] > 0).groupby(decade)
    share, count = by_age["positive"].mean(), by_age.size()
    error = np.sqrt(share * (1 - share) / count)
    boxes = known[known["boxes"] > 0].groupby(decade)["boxes"].mean().reindex(share.index)
    drawn = []
    for values, errors, label, colour in (
        (share, error, "fraction with opacity", VERMILION),
        (boxes, None, "boxes per X-ray with opacity", BLUE),
    ):
        with panel(3.6, 2.7) as drawing:
            axes = drawing.subplots()
            axes.bar(
                values.index + AGE_BIN_YEARS / 2, values, 0.9 * AGE_BIN_YEARS, yerr=errors, color=colour, ecolor=GREY
            )
            axes.set(xlabel="age, years", ylabel=label)
            axes.grid(visible=False, axis="x")
        drawn.append(drawing)
    ages = [f"{age} to {age + AGE_BIN_YEARS - 1}" for age in count.index.to_list()]
    counts = ", ".join(f"{number:,} ({years})" for years, number in zip(ages, count, strict=True))
    return Figure(
        "Opacity and boxes by age",
        f"By decade, ± standard error of the fraction. X-rays of each: {counts}. From {headers.origin}.",
        drawn,
        "Bars: fraction of X-rays with opacity, and boxes per X-ray with opacity, by decade of age",
    )


FIGURES: tuple[Draw, ...] = (sex_and_view, views_compared, pixel_spacing, age_by_class, boxes_by_age)
