"""Visits → forward pairs: from what one visit shows, what changed until a later one.

The Percent of a later visit would give its FVC away, so only the baseline's is ever looked at: it yields the patient's
typical FVC (that of a healthy person of the same age, sex and height), which stays.
"""

import numpy as np
import pandas as pd

from pulmo.competitions.osic.submission import SCORED_VISITS

CLINICAL_COLUMNS = (
    "gap_weeks",
    "fvc_from_ml",
    "percent_from",
    "age_years",
    "male",
    "ex_smoker",
    "current_smoker",
)
"""What the models see of a pair; `gap_weeks` comes first, because the linear models let everything else interact with
it. The typical FVC is not among them: it is `fvc_from_ml` over `percent_from`."""

STEADY_SCALE_ML, SCALE_ML_A_WEEK = 200.0, 2.0
"""Spread of an FVC about its forecast, 200 ml + 2 ml a week; what the OSIC competition's published solutions used."""


def forward_pairs(visits: pd.DataFrame) -> pd.DataFrame:
    """Every visit of a patient with every later one of the same patient.

    Args:
        visits: as `read_visits` gives them.

    Returns:
        One row a pair, patients in order: `patient`, `visit_from`, `visit_to` (0 is the baseline), `week_from`,
        `week_to`, CLINICAL_COLUMNS, `typical_fvc_ml`, `change_ml`, `is_baseline_pair` and `is_last_three` (the later
        visit is one of the patient's last three).
    """
    last = visits.groupby("patient")["visit"].transform("max")
    described = _describe(visits).assign(last_visit=last)
    later = visits[["patient", "visit", "week", "fvc_ml"]]
    pairs = described.merge(later, on="patient", suffixes=("_from", "_to"))
    pairs = pairs[pairs["visit_to"] > pairs["visit_from"]].reset_index(drop=True)
    pairs["gap_weeks"] = (pairs["week_to"] - pairs["week_from"]).astype(np.float64)
    pairs["change_ml"] = pairs["fvc_ml"] - pairs["fvc_from_ml"]
    pairs["is_baseline_pair"] = pairs["visit_from"] == 0
    pairs["is_last_three"] = pairs["visit_to"] > pairs["last_visit"] - SCORED_VISITS
    columns = ["patient", "visit_from", "visit_to", "week_from", "week_to", *CLINICAL_COLUMNS]
    return pairs[[*columns, "typical_fvc_ml", "change_ml", "is_baseline_pair", "is_last_three"]]


def requested_pairs(visits: pd.DataFrame, requested: pd.DataFrame) -> pd.DataFrame:
    """From each patient's baseline to each requested week, with the columns of `forward_pairs` known then.

    Args:
        visits: as `read_visits` gives them; visits after the baseline are not looked at.
        requested: `patient` (all of them in `visits`) and `week`; its order is kept.
    """
    baseline = _describe(visits[visits["visit"] == 0]).rename(columns={"week": "week_from"}).drop(columns="visit")
    pairs = requested.rename(columns={"week": "week_to"}).merge(
        baseline, on="patient", how="left", validate="many_to_one"
    )
    return pairs.assign(gap_weeks=(pairs["week_to"] - pairs["week_from"]).astype(np.float64))


def pair_weights(pairs: pd.DataFrame) -> np.ndarray:
    """How much each pair counts (rows,): patients alike, and less the further the pair is apart.

    The metric divides an error by the Confidence, which grows with the gap; so do these weights.
    """
    patients_share = 1 / pairs.groupby("patient")["gap_weeks"].transform("size").to_numpy(np.float64)
    return np.asarray(patients_share / (STEADY_SCALE_ML + SCALE_ML_A_WEEK * pairs["gap_weeks"].to_numpy()))


def _describe(visits: pd.DataFrame) -> pd.DataFrame:
    baseline = visits[visits["visit"] == 0].set_index("patient")
    typical = visits["patient"].map(100 * baseline["fvc_ml"] / baseline["percent"])
    return pd.DataFrame(
        {
            "patient": visits["patient"],
            "visit": visits["visit"],
            "week": visits["week"],
            "fvc_from_ml": visits["fvc_ml"],
            "percent_from": 100 * visits["fvc_ml"] / typical,
            "typical_fvc_ml": typical,
            "age_years": visits["age_years"],
            "male": (visits["sex"] == "Male").astype(np.float64),
            "ex_smoker": (visits["smoking"] == "Ex-smoker").astype(np.float64),
            "current_smoker": (visits["smoking"] == "Currently smokes").astype(np.float64),
        }
    )
