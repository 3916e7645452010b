"""How the peers see pairs of visits: scaled columns, with their interactions with time."""

from typing import NamedTuple

import numpy as np
import pandas as pd

WEEKS_A_YEAR = 52.0


class Forecast(NamedTuple):
    """FVC and Confidence of each question, ml, (rows,) each."""

    fvc_ml: np.ndarray
    confidence_ml: np.ndarray


def from_baseline(learned: pd.DataFrame) -> pd.DataFrame:
    """Of all forward pairs, those that start at the first visit, as the questions do."""
    return learned[learned["is_baseline_pair"]]


def standardised(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Both tables' columns minus the mean over the sd of those learned from; medians of these where unknown."""
    known = learned[columns].fillna(learned[columns].median())
    mean, sd = known.mean(), known.std(ddof=0)
    sd = sd.where(sd > 0, 1.0)
    unknown = asked[columns].fillna(learned[columns].median())
    return ((known - mean) / sd).to_numpy(), ((unknown - mean) / sd).to_numpy()


def terms(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Years gone by, the standardised columns, and their products with the years; (rows, terms) for both tables."""
    return tuple(  # type: ignore[return-value]
        np.column_stack([years, values, years * values])
        for years, values in zip(
            (table[["gap_weeks"]].to_numpy() / WEEKS_A_YEAR for table in (learned, asked)),
            standardised(learned, asked, columns),
            strict=True,
        )
    )


def fvc_to(pairs: pd.DataFrame) -> np.ndarray:
    """The FVC of the later visit, ml."""
    return (pairs["fvc_from_ml"] + pairs["change_ml"]).to_numpy()
