"""OSIC's report page, data: visits, patients, distributions, correlations and severity."""

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
    """Ranges of all variables."""
    visits = _visits(run)
    each = visits.groupby("patient").size()
    values = {**{label: visits[name] for name, label in NUMBERS.items()}, "visits per patient": each}
    table = pd.DataFrame(
        [
            {"variable": label, "min": value.min(), "max": value.max(), "mean": value.mean(), "sd": value.std()}
            for label, value in values.items()
        ]
    )
    fvc = visits["fvc_ml"]
    repeated = int(visits.duplicated(["patient", "week"]).sum())
    return Figure(
        "Overview of the table",
        f"{len(visits):,} visits of {len(each):,} patients, {repeated:,} of them repeated in the same week; FVC "
        f"from {fvc.min():,.0f} to {fvc.max():,.0f} ml, {fvc.mean():,.1f} ml on average.",
        table,
        "Minimum, maximum, mean and standard deviation of FVC, Percent, week, age and visits per patient",
    )


def records_per_patient(run: Run) -> Figure:
    """Number of visits per patient."""
    each = _visits(run).groupby("patient").size()
    return Figure(
        "Visits per patient",
        f"{each.min()} to {each.max()} visits per patient, mean {each.mean():.1f}, mode {each.mode().iloc[0]}.",
        histogram(each, "visits", "patients", (np.arange(each.min(), each.max() + 2) - 0.5).tolist()),
        f"Histogram of visits per patient, {each.min()} to {each.max()}",
    )


def sex_and_smoking(run: Run) -> Figure:
    """Patients by sex and smoking status."""
    patients = _visits(run).drop_duplicates("patient")
    charts = [
        bars(patients[column].value_counts().reindex(list(groups.colours), fill_value=0), "patients")
        for column, groups in (("sex", BY_SEX), ("smoking", BY_SMOKING))
    ]
    women, smokers = (patients["sex"] == "Female").sum(), (patients["smoking"] == "Currently smokes").sum()
    return Figure(
        "Sex and smoking",
        f"Of {len(patients)} patients, {women} are women and {smokers} are current smokers.",
        charts,
        "Bars: patients by sex, and by smoking status",
    )


def distributions(run: Run) -> Figure:
    """Distributions of FVC, Percent, week and age, by sex and by smoking status."""
    visits = _visits(run)
    charts = [
        histogram_by_group(visits, name, label, groups)
        for groups in (BY_SEX, BY_SMOKING)
        for name, label in NUMBERS.items()
    ]
    men, women = (visits.loc[visits["sex"] == sex, "fvc_ml"].mean() for sex in CHOICES["Sex"])
    return Figure(
        "Distributions",
        f"Every group has area 1. Mean FVC is {men:,.0f} ml in men and {women:,.0f} ml in women; Percent adjusts for "
        "sex, age and height.",
        charts,
        "Histograms of FVC, Percent, week and age, once by sex and once by smoking status",
    )


def pairs_by_sex(run: Run) -> Figure:
    """Scatter plots of all pairs of variables, by sex."""
    return _pairs(_visits(run), BY_SEX, "sex")


def pairs_by_smoking(run: Run) -> Figure:
    """Scatter plots of all pairs of variables, by smoking status."""
    return _pairs(_visits(run), BY_SMOKING, "smoking")


def correlations(run: Run) -> Figure:
    """Correlation matrix of the variables."""
    found = _visits(run)[list(NUMBERS)].rename(columns=_SHORT).corr()
    values = found.to_numpy()
    pairs = sorted(combinations(range(len(found)), 2), key=lambda pair: -abs(values[pair]))
    strongest, next_one = (f"{found.index[i]} and {found.index[j]} ({values[i, j]:.2f})" for i, j in pairs[:2])
    return Figure(
        "Correlations",
        f"The strongest correlations are {strongest}, and {next_one}. Percent is computed from FVC, sex, age and "
        "height.",
        heat_map(found, (-1, 1)),
        "Heat map of the correlations of FVC, Percent, week and age",
    )


def fvc_trajectories(run: Run) -> Figure:
    """Every patient's FVC over time."""
    import plotly.graph_objects as go

    visits = _visits(run)
    banded = visits.assign(
        band=visits["patient"].map(visits[visits["visit"] == 0].set_index("patient")["percent"].map(severity))
    )
    plot = go.Figure()
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
        plot.add_scatter(
            x=x, y=y, text=patients, name=name, mode="lines+markers", line={"color": colour, "width": 1},
            marker={"size": 4}, opacity=0.7, hovertemplate="%{text}<br>week %{x}: %{y} ml<extra></extra>",
        )  # fmt: skip
    interactive(plot, 480).update_layout(xaxis_title="week from the CT", yaxis_title="FVC, ml")
    slope = _slope(visits)
    return Figure(
        "FVC trajectories",
        f"One line per patient, coloured by severity at the first visit; the median change of FVC is {slope:+.1f} ml "
        "per week. Hover over a line for the patient; click a band's name to hide it.",
        plot,
        "Lines: FVC of every patient over the weeks, coloured by severity at the first visit",
    )


def severity_at_baseline(run: Run) -> Figure:
    """Severity at the first visit."""
    visits = _visits(run)
    bands = visits.loc[visits["visit"] == 0, "percent"].map(severity)
    counts = bands.value_counts().reindex(list(BANDS), fill_value=0)
    return Figure(
        "Severity at the first visit",
        f"By Percent: from 80 normal, 70 to 79 mild, 60 to 69 moderate, below 60 severe. "
        f"{counts['severe'] / counts.sum():.0%} of the patients are severe at the first visit.",
        bars(counts, "patients"),
        "Bars: patients normal, mild, moderate and severe at the first visit",
    )


FIGURES: tuple[Draw, ...] = (
    overview,
    records_per_patient,
    sex_and_smoking,
    severity_at_baseline,
    correlations,
    fvc_trajectories,
    distributions,
    pairs_by_sex,
    pairs_by_smoking,
)


def _visits(run: Run) -> pd.DataFrame:
    return read_visits(run.paths.data / "train.csv")


def _pairs(visits: pd.DataFrame, groups: Groups, by: str) -> Figure:
    names = list(NUMBERS)
    apart = visits.groupby(groups.column)[names].mean().agg(np.ptp) / visits[names].std()
    largest, smallest = names[int(apart.argmax())], names[int(apart.argmin())]
    charts = [scatter_by_group(visits, x, y, groups) for y, x in combinations(NUMBERS.items(), 2)]
    return Figure(
        f"Pairs of variables by {by}",
        f"One point per visit. Group means differ most in {_SHORT[largest]} ({apart[largest]:.1f} standard "
        f"deviations), least in {_SHORT[smallest]} ({apart[smallest]:.1f}).",
        charts,
        f"Scatter plots of all pairs of FVC, Percent, week and age, coloured by {by}",
    )


def _slope(visits: pd.DataFrame) -> float:
    """The median over patients of the slope of FVC, ml per week, by linear regression on each patient's visits."""
    slopes = [
        np.polyfit(rows["week"], rows["fvc_ml"], 1)[0] for _, rows in visits.groupby("patient") if np.ptp(rows["week"])
    ]
    return float(np.median(slopes)) if slopes else float("nan")
