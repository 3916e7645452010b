"""Features of the peers: standardized columns of pairs of visits, and their interactions with time."""

from typing import NamedTuple

import numpy as np
import pandas as pd

WEEKS_A_YEAR = 52.0


class Forecast(NamedTuple):
    """Predicted FVC and Confidence, ml, (rows,) each."""

    fvc_ml: np.ndarray
    confidence_ml: np.ndarray


def from_baseline(train: pd.DataFrame) -> pd.DataFrame:
    """The forward pairs that start at the first visit, as the pairs to predict."""
    return train[train["is_baseline_pair"]]


def standardised(train: pd.DataFrame, test: pd.DataFrame, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Columns of both tables standardized by the training rows, missing values replaced by their medians."""
    known = train[columns].fillna(train[columns].median())
    mean, sd = known.mean(), known.std(ddof=0)
    sd = sd.where(sd > 0, 1.0)
    unknown = test[columns].fillna(train[columns].median())
    return ((known - mean) / sd).to_numpy(), ((unknown - mean) / sd).to_numpy()


def terms(train: pd.DataFrame, test: pd.DataFrame, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Years, standardised columns, and their products with the years; (rows, terms) for both tables."""
    return tuple(  # type: ignore[return-value]
        np.column_stack([years, values, years * values])
        for years, values in zip(
            (table[["gap_weeks"]].to_numpy() / WEEKS_A_YEAR for table in (train, test)),
            standardised(train, test, columns),
            strict=True,
        )
    )


def fvc_to(pairs: pd.DataFrame) -> np.ndarray:
    """The FVC of the later visit, ml."""
    return (pairs["fvc_from_ml"] + pairs["change_ml"]).to_numpy()
