"""Models with a predictive distribution: Bayesian ridge, a hierarchical mixed model, a Gaussian process."""

import warnings

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import BayesianRidge

from osic_peer_models.rows import Forecast, from_baseline, standardised, terms
from pulmo.competitions.osic.features import FVC_PER_VOLUME

LENGTH_ROWS = 300


def bayesian_ridge(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Bayesian ridge on the change since the first visit."""
    start = from_baseline(train)
    x_train, x_test = terms(start, test, columns)
    change_ml, sd_ml = BayesianRidge().fit(x_train, start["change_ml"].to_numpy()).predict(x_test, return_std=True)
    return Forecast(test["fvc_from_ml"].to_numpy() + change_ml, sd_ml)


def gaussian_process(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """A Gaussian process over the weeks and the first visit's data, with a length scale for each.

    Length scales maximize the marginal likelihood of LENGTH_ROWS rows, as the cost is cubic; then all rows are used.
    """
    start = from_baseline(train)
    x_train, x_test = standardised(start, test, ["gap_weeks", *columns])
    change = start["change_ml"].to_numpy()
    scale = change.std()
    some = np.random.default_rng(seed).permutation(len(start))[:LENGTH_ROWS]
    kernel = ConstantKernel(0.5) * RBF(np.full(x_train.shape[1], 3.0), (0.3, 100.0)) + WhiteKernel(0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length scale at its bound: the column is irrelevant
        kernel = GaussianProcessRegressor(kernel, normalize_y=True).fit(x_train[some], change[some] / scale).kernel_
        model = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).fit(x_train, change / scale)
    mean, sd = model.predict(x_test, return_std=True)
    return Forecast(test["fvc_from_ml"].to_numpy() + scale * mean, scale * sd)


def mixed_model(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """A random level and slope per patient around a linear function of the columns; Gaussian, by maximum likelihood.

    A held-out patient's level and slope are conditioned on the first FVC.
    """
    start = from_baseline(train)
    people = start.drop_duplicates("patient")
    others = [column for column in columns if column not in ("fvc_from_ml", "percent_from", FVC_PER_VOLUME)]
    known, unknown = (np.column_stack([np.ones(len(z)), z]) for z in standardised(people, test, others))
    visits = [_visits(rows) for _, rows in start.groupby("patient", sort=False)]
    found = _fit(visits, known)
    effects, covariance, noise = found
    weeks = test["gap_weeks"].to_numpy() / 52
    first = test["fvc_from_ml"].to_numpy() / 1000
    level, slope = unknown @ effects.T[:, 0], unknown @ effects.T[:, 1]
    gain = covariance[0] / (covariance[0, 0] + noise)
    surprise = first - level
    mean = level + gain[0] * surprise + weeks * (slope + gain[1] * surprise)
    left = covariance - np.outer(gain, covariance[0])
    variance = left[0, 0] + 2 * weeks * left[0, 1] + weeks**2 * left[1, 1] + noise
    return Forecast(1000 * mean, 1000 * np.sqrt(variance))


def _visits(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """A patient's visits, including the first: the design matrix (visits, 2) of ones and years, and FVC in litres."""
    years = np.append(0.0, rows["gap_weeks"].to_numpy() / 52)
    first = rows["fvc_from_ml"].iloc[0]
    return np.column_stack([np.ones_like(years), years]), np.append(first, first + rows["change_ml"]) / 1000


def _fit(visits: list[tuple[np.ndarray, np.ndarray]], known: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Effects of the columns on level and slope (2, columns), their covariance (2, 2), and the noise variance."""

    def at(logs: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, float]:
        root = np.array([[np.exp(logs[0]), 0], [logs[1], np.exp(logs[2])]])
        covariance, noise = root @ root.T, float(np.exp(2 * logs[3]))
        size = 2 * known.shape[1]
        normal, right, square, log_det = np.zeros((size, size)), np.zeros(size), 0.0, 0.0
        for (design, fvc), person in zip(visits, known, strict=True):
            total = design @ covariance @ design.T + noise * np.eye(len(fvc))
            both = np.column_stack([np.kron(design, person), fvc])
            solved = np.linalg.solve(total, both)
            normal += both[:, :-1].T @ solved[:, :-1]
            right += both[:, :-1].T @ solved[:, -1]
            square += float(fvc @ solved[:, -1])
            log_det += np.linalg.slogdet(total)[1]
        effects = np.linalg.solve(normal, right)
        return float(0.5 * (log_det + square - right @ effects)), effects.reshape(2, -1), covariance, noise

    start = np.log([0.7, 1.0, 0.25, 0.12])
    start[1] = 0.0
    best = minimize(lambda logs: at(logs)[0], start, method="L-BFGS-B")
    return at(best.x)[1:]
