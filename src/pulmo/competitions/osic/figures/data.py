"""OSIC's report page, the data: visits, patients, what goes with what, how far the disease has come."""

from itertools import combinations

import numpy as np
import pandas as pd

from pulmo.competitions.osic.data import CHOICES, read_visits
from pulmo.competitions.osic.figures.severity import BANDS, severity
from pulmo.pipeline.runner import Run
from pulmo.report.charts import Groups, bars, heat_map, histogram, histogram_by_group, scatter_by_group
from pulmo.report.page import Figure
from pulmo.report.sections import Draw
from pulmo.report.style import BLUE, GREEN, ORANGE, PURPLE, VERMILION, interactive

NUMBERS = {"fvc_ml": "FVC, ml", "percent": "Percent of typical", "week": "week from the CT", "age_years": "age, years"}
_SHORT = {"fvc_ml": "FVC", "percent": "Percent", "week": "week", "age_years": "age"}
BY_SEX = Groups("sex", dict(zip(CHOICES["Sex"], (BLUE, VERMILION), strict=True)))
BY_SMOKING = Groups("smoking", dict(zip(CHOICES["SmokingStatus"], (PURPLE, GREEN, ORANGE), strict=True)))


def overview(run: Run) -> Figure:
    """How much there is, and between which limits."""
    visits = _visits(run)
    each = visits.groupby("patient").size()
    values = {**{label: visits[name] for name, label in NUMBERS.items()}, "visits a patient": each}
    table = pd.DataFrame(
        [
            {"of": label, "least": value.min(), "greatest": value.max(), "mean": value.mean(), "sd": value.std()}
            for label, value in values.items()
        ]
    )
    fvc = visits["fvc_ml"]
    repeated = int(visits.duplicated(["patient", "week"]).sum())
    return Figure(
        "What the table holds",
        f"{len(visits):,} visits of {len(each):,} patients, {repeated:,} of them a second one in the same week; FVC "
        f"from {fvc.min():,.0f} to {fvc.max():,.0f} ml, {fvc.mean():,.1f} ml on average.",
        table,
        "Least, greatest, mean and standard deviation of FVC, Percent, week, age and visits a patient",
    )


def records_per_patient(run: Run) -> Figure:
    """How often patients were seen."""
    each = _visits(run).groupby("patient").size()
    return Figure(
        "Visits a patient",
        f"Most patients came {each.mode().iloc[0]} times; {each.min()} to {each.max()}, {each.mean():.1f} on average.",
        histogram(each, "visits", "patients", (np.arange(each.min(), each.max() + 2) - 0.5).tolist()),
        f"Histogram of visits a patient, {each.min()} to {each.max()}",
    )


def sex_and_smoking(run: Run) -> Figure:
    """How many patients of each kind."""
    patients = _visits(run).drop_duplicates("patient")
    pictures = [
        bars(patients[column].value_counts().reindex(list(groups.colours), fill_value=0), "patients")
        for column, groups in (("sex", BY_SEX), ("smoking", BY_SMOKING))
    ]
    women, smokers = (patients["sex"] == "Female").sum(), (patients["smoking"] == "Currently smokes").sum()
    return Figure(
        "Sex and smoking",
        f"Of {len(patients)} patients, {women} are women and {smokers} smoke now.",
        pictures,
        "Bars: patients by sex, and by smoking status",
    )


def distributions(run: Run) -> Figure:
    """FVC, Percent, week and age, by sex and by smoking."""
    visits = _visits(run)
    pictures = [
        histogram_by_group(visits, name, label, groups)
        for groups in (BY_SEX, BY_SMOKING)
        for name, label in NUMBERS.items()
    ]
    men, women = (visits.loc[visits["sex"] == sex, "fvc_ml"].mean() for sex in CHOICES["Sex"])
    return Figure(
        "Distributions",
        f"Every group has the same area. Men breathe out {men:,.0f} ml on average, women {women:,.0f} ml; "
        "Percent is made to allow for that, and for age and height.",
        pictures,
        "Histograms of FVC, Percent, week and age, once by sex and once by smoking status",
    )


def pairs_by_sex(run: Run) -> Figure:
    """Each number against each, men and women."""
    return _pairs(_visits(run), BY_SEX, "sex")


def pairs_by_smoking(run: Run) -> Figure:
    """Each number against each, by smoking."""
    return _pairs(_visits(run), BY_SMOKING, "smoking")


def correlations(run: Run) -> Figure:
    """The correlation of each number with each."""
    found = _visits(run)[list(NUMBERS)].rename(columns=_SHORT).corr()
    values = found.to_numpy()
    pairs = sorted(combinations(range(len(found)), 2), key=lambda pair: -abs(values[pair]))
    strongest, next_one = (f"{found.index[i]} and {found.index[j]} ({values[i, j]:.2f})" for i, j in pairs[:2])
    return Figure(
        "Correlations",
        f"{strongest} go together most; next come {next_one}. Percent is made from FVC, sex, age and height.",
        heat_map(found, (-1, 1)),
        "Heat map of the correlations of FVC, Percent, week and age",
    )


def courses(run: Run) -> Figure:
    """Every patient's FVC over the weeks."""
    import plotly.graph_objects as go

    visits = _visits(run)
    banded = visits.assign(
        band=visits["patient"].map(visits[visits["visit"] == 0].set_index("patient")["percent"].map(severity))
    )
    picture = go.Figure()
    for name, colour in BANDS.items():
        rows = banded[banded["band"] == name]
        if rows.empty:
            continue
        x, y, patients = [], [], []
        for patient, visited in rows.groupby("patient", sort=False):
            x += [*visited["week"], None]
            y += [*visited["fvc_ml"], None]
            patients += [f"{patient} ({visited['age_years'].iloc[0]:.0f}, {visited['sex'].iloc[0].lower()})"] * (
                len(visited) + 1
            )
        picture.add_scatter(
            x=x, y=y, text=patients, name=name, mode="lines+markers", line={"color": colour, "width": 1},
            marker={"size": 4}, opacity=0.7, hovertemplate="%{text}<br>week %{x}: %{y} ml<extra></extra>",
        )  # fmt: skip
    interactive(picture, 480).update_layout(xaxis_title="week from the CT", yaxis_title="FVC, ml")
    slope = _slope(visits)
    return Figure(
        "Courses of FVC",
        f"Each line is a patient, in the colour of severity at the first visit; the median patient's FVC changes by "
        f"{slope:+.1f} ml a week. Point at a line to see whose it is; press a band's name to hide it.",
        picture,
        "Lines: the FVC of every patient over the weeks, coloured by severity at the first visit",
    )


def severity_at_baseline(run: Run) -> Figure:
    """How far the disease had come at the first visit."""
    visits = _visits(run)
    bands = visits.loc[visits["visit"] == 0, "percent"].map(severity)
    counts = bands.value_counts().reindex(list(BANDS), fill_value=0)
    return Figure(
        "Severity at the first visit",
        f"By Percent: 80 and more normal, 70 to 79 mild, 60 to 69 moderate, below 60 severe. "
        f"{counts['severe'] / counts.sum():.0%} come to their first visit with severe disease.",
        bars(counts, "patients"),
        "Bars: patients normal, mild, moderate and severe at the first visit",
    )


FIGURES: tuple[Draw, ...] = (
    overview,
    records_per_patient,
    sex_and_smoking,
    severity_at_baseline,
    correlations,
    courses,
    distributions,
    pairs_by_sex,
    pairs_by_smoking,
)


def _visits(run: Run) -> pd.DataFrame:
    return read_visits(run.paths.data / "train.csv")


def _pairs(visits: pd.DataFrame, groups: Groups, by: str) -> Figure:
    names = list(NUMBERS)
    apart = visits.groupby(groups.column)[names].mean().agg(np.ptp) / visits[names].std()
    most, least = names[int(apart.argmax())], names[int(apart.argmin())]
    pictures = [scatter_by_group(visits, x, y, groups) for y, x in combinations(NUMBERS.items(), 2)]
    return Figure(
        f"Each number against each, by {by}",
        f"A point is a visit. The groups' means are furthest apart in {_SHORT[most]} ({apart[most]:.1f} standard "
        f"deviations), nearest in {_SHORT[least]} ({apart[least]:.1f}).",
        pictures,
        f"Scatter plots of every two of FVC, Percent, week and age, coloured by {by}",
    )


def _slope(visits: pd.DataFrame) -> float:
    """The median over patients of the change of FVC a week, by a line through each patient's visits."""
    slopes = [
        np.polyfit(rows["week"], rows["fvc_ml"], 1)[0] for _, rows in visits.groupby("patient") if np.ptp(rows["week"])
    ]
    return float(np.median(slopes)) if slopes else float("nan")
