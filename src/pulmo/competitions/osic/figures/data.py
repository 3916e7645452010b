"""OSIC's report page, data: visits, patients, distributions, correlations and severity."""

from itertools import combinations

import numpy as np
import pandas as pd

from pulmo.competitions.osic.data import CHOICES, read_visits
from pulmo.competitions.osic.figures.severity import BANDS, SOURCE, severity
from pulmo.pipeline.runner import Run
from pulmo.report.charts import Groups, bars, heat_map, histogram, histogram_by_group, scatter_by_group
from pulmo.report.page import Figure
from pulmo.report.sections import CannotDrawError, Draw, read
from pulmo.report.style import BLUE, GREEN, INK, ORANGE, PURPLE, VERMILION, interactive, legend_above, panel

NUMBERS = {"fvc_ml": "FVC, ml", "percent": "Percent of typical", "week": "week from the CT", "age_years": "age, years"}
_SHORT = {"fvc_ml": "FVC", "percent": "Percent", "week": "week", "age_years": "age"}
WEEKS_PER_YEAR = 52.18
BY_SEX = Groups("sex", dict(zip(CHOICES["Sex"], (BLUE, VERMILION), strict=True)))
BY_SMOKING = Groups("smoking", dict(zip(CHOICES["SmokingStatus"], (PURPLE, GREEN, ORANGE), strict=True)))


def overview(run: Run) -> Figure:
    """Ranges of all variables."""
    visits = _visits(run)
    each = visits.groupby("patient").size()
    patients = visits.drop_duplicates("patient")
    by_visit = {label: visits[name] for name, label in NUMBERS.items() if name != "age_years"}
    by_patient = {NUMBERS["age_years"]: patients["age_years"], "visits per patient": each}
    values = {**by_visit, **by_patient}
    table = pd.DataFrame(
        [
            {
                "variable": label,
                "n": value.count(),
                "min": value.min(),
                "max": value.max(),
                "mean": value.mean(),
                "sd": value.std(),
            }
            for label, value in values.items()
        ]
    )
    fvc = visits["fvc_ml"]
    repeated = int(visits.duplicated(["patient", "week"]).sum())
    return Figure(
        "Overview of the table",
        f"{len(visits):,} visits of {len(each):,} patients, {repeated:,} of them repeated in the same week; FVC "
        f"from {fvc.min():,.0f} to {fvc.max():,.0f} ml, {fvc.mean():,.1f} ml on average. Age is counted "
        "once a patient.",
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
    patients = visits.drop_duplicates("patient")
    charts = [
        histogram_by_group(patients if name == "age_years" else visits, name, label, groups)
        for groups in (BY_SEX, BY_SMOKING)
        for name, label in NUMBERS.items()
    ]
    men, women = (visits.loc[visits["sex"] == sex, "fvc_ml"].mean() for sex in CHOICES["Sex"])
    return Figure(
        "Distributions",
        f"Every group has area 1; n counts visits, for age patients. Mean FVC is {men:,.0f} ml in men and {women:,.0f} "
        "ml in women; Percent adjusts for "
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
    slope = float(_slopes(visits).median())
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
        f"{counts['severe'] / counts.sum():.0%} of {counts.sum()} patients are severe at the first visit. {SOURCE}",
        bars(counts, "patients"),
        "Bars: patients normal, mild, moderate and severe at the first visit",
    )


def decline(run: Run) -> Figure:
    """The distribution of patients' slopes."""
    slopes = WEEKS_PER_YEAR * _slopes(_visits(run))
    if slopes.empty:
        raise CannotDrawError(
            "train.csv", "no patient has visits in several weeks", "Give patients with several visits"
        )
    low, middle, high = slopes.quantile([0.25, 0.5, 0.75])
    with panel(4, 2.8) as drawing:
        axes = drawing.subplots()
        axes.hist(slopes, bins=24, color=BLUE, rwidth=0.92)
        axes.axvline(0, color=INK, linewidth=1)
        axes.axvline(middle, color=VERMILION, linewidth=1.5, label=f"median {_signed(middle)}")
        axes.set(xlabel="change of FVC, ml per year", ylabel="patients")
        axes.grid(visible=False, axis="x")
        legend_above(axes)
    return Figure(
        "Decline by patient",
        f"The slope of FVC over each patient's own visits, {len(slopes)} patients: median {_signed(middle)} ml per "
        f"year, half of them between {_signed(low)} and {_signed(high)}; {(slopes < 0).mean():.0%} decline.",
        drawing,
        "Histogram of the yearly change of FVC, one value per patient",
    )


def train_and_test(run: Run) -> Figure:
    """The patients of both tables, side by side, at their first visit."""
    tables = {name: read_visits(run.paths.data / f"{name}.csv") for name in ("train", "test")}
    rows = {name: _description(visits) for name, visits in tables.items()}
    table = pd.DataFrame(
        {"variable": list(rows["train"]), **{name: list(values.values()) for name, values in rows.items()}}
    )
    known = tables["test"]["patient"].isin(tables["train"]["patient"])
    return Figure(
        "Training and test patients",
        f"At the first visit, one row per patient: mean ± standard deviation, or counts. "
        f"{tables['test'].loc[known, 'patient'].nunique()} of the test patients are training patients too; Kaggle's "
        "hidden test set has others.",
        table,
        "Table: number, age, sex, smoking, FVC and Percent of training and test patients",
    )


def volume_and_fvc(run: Run) -> Figure:
    """Lung volume in the CT against FVC at the first visit."""
    volumes = read(run, "features/scan_statistics").reindex(columns=["patient", "lung_litres"]).dropna()
    if volumes.empty:
        raise CannotDrawError("features/scan_statistics", "no lung volume is known", "Give the scans to `features`")
    first = (
        _visits(run).query("visit == 0").merge(volumes, on="patient").assign(fvc_l=lambda rows: rows["fvc_ml"] / 1000)
    )
    together = np.corrcoef(first["lung_litres"], first["fvc_l"])[0, 1] if len(first) > 2 else float("nan")
    return Figure(
        "Lung volume and FVC",
        f"{len(first)} patients with a scan: the correlation is {together:.2f}. FVC is what can be exhaled; the scan, "
        "in full inspiration, shows the residual volume too.",
        scatter_by_group(
            first, ("lung_litres", "lung volume in the CT, litres"), ("fvc_l", "first FVC, litres"), BY_SEX
        ),
        "Scatter plot of lung volume in the CT against the first FVC, by sex",
    )


FIGURES: tuple[Draw, ...] = (
    overview,
    records_per_patient,
    sex_and_smoking,
    severity_at_baseline,
    train_and_test,
    decline,
    volume_and_fvc,
    correlations,
    fvc_trajectories,
    distributions,
    pairs_by_sex,
    pairs_by_smoking,
)


def _visits(run: Run) -> pd.DataFrame:
    return read_visits(run.paths.data / "train.csv")


def _description(visits: pd.DataFrame) -> dict[str, str]:
    first = visits[visits["visit"] == 0]
    counts = {
        choice: f"{(first[column] == choice).sum()} ({(first[column] == choice).mean():.0%})"
        for column, groups in (("sex", BY_SEX), ("smoking", BY_SMOKING))
        for choice in groups.colours
    }
    numbers = {
        NUMBERS[name]: f"{first[name].mean():,.0f}" + (f" ± {first[name].std():,.0f}" if len(first) > 1 else "")
        for name in ("age_years", "fvc_ml", "percent")
    }
    return {"patients": f"{len(first):,}", "visits": f"{len(visits):,}", **numbers, **counts}


def _signed(value: float) -> str:
    return f"{value:+.0f}".replace("-", "−")


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


def _slopes(visits: pd.DataFrame) -> pd.Series:
    """Each patient's slope of FVC, ml per week, by linear regression on the visits; of patients with several weeks."""
    return pd.Series(
        {
            patient: np.polyfit(rows["week"], rows["fvc_ml"], 1)[0]
            for patient, rows in visits.groupby("patient")
            if np.ptp(rows["week"])
        },
        dtype=np.float64,
    )
