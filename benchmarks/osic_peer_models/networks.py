"""The quantile networks on tables that the first places built on: two hidden layers of 100, three quantiles.

Published sizes, losses and learning rates; written in NumPy, for on a thousand rows of ten numbers Keras spends its
time between the steps. One network where they averaged one a fold, 300 epochs where they took 600 to 800: their
learning rate has fallen to a twentieth by then.
"""

import numpy as np
import pandas as pd

from osic_peer_models.rows import Forecast, from_baseline, fvc_to

LEVELS = np.array([0.2, 0.5, 0.8])
HIDDEN, EPOCHS, BATCH = 100, 300, 128
LEARNING_RATE, DECAY = 0.1, 0.01
PINBALL_SHARE = 0.8
"""Of the loss; the rest is the competition's metric at the median, with q80 − q20 for its Confidence."""
SLOPE_SHARE = 0.45


def with_percent(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """All columns, the first visit's Percent among them."""
    return _forecast(_quantiles(from_baseline(learned), asked, columns, seed))


def without_percent(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Without Percent; two networks averaged."""
    fewer = [column for column in columns if column != "percent_from"]
    both = [_quantiles(from_baseline(learned), asked, fewer, 2 * seed + number) for number in range(2)]
    return _forecast(np.mean(both, axis=0))


def blended_with_slope(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """0.55 of the network without Percent, 0.45 of the median patient's slope, which stands for the winner's slopes
    from scans; these had a Confidence of Percent, growing by the slope."""
    network = without_percent(learned, asked, columns, seed)
    weeks = asked["gap_weeks"].to_numpy()
    slope = _slopes(learned).median()
    line = Forecast(
        asked["fvc_from_ml"].to_numpy() + slope * weeks, asked["percent_from"].to_numpy() + abs(slope) * weeks
    )
    return Forecast(*((1 - SLOPE_SHARE) * one + SLOPE_SHARE * other for one, other in zip(network, line, strict=True)))


def _slopes(learned: pd.DataFrame) -> pd.Series:
    """Each patient's least-squares slope, ml a week."""
    start = from_baseline(learned)
    first = pd.DataFrame({"patient": start["patient"].unique(), "gap_weeks": 0.0, "change_ml": 0.0})
    visits = pd.concat([first, start[["patient", "gap_weeks", "change_ml"]]])
    middle = visits[["gap_weeks", "change_ml"]] - visits.groupby("patient")[["gap_weeks", "change_ml"]].transform(
        "mean"
    )
    products = middle.assign(both=middle["gap_weeks"] * middle["change_ml"], square=middle["gap_weeks"] ** 2)
    sums = products.groupby(visits["patient"])[["both", "square"]].sum()
    return sums["both"] / sums["square"]


def _forecast(quantiles: np.ndarray) -> Forecast:
    return Forecast(quantiles[:, 1], np.maximum(quantiles[:, 2] - quantiles[:, 0], 1.0))


def _quantiles(learned: pd.DataFrame, asked: pd.DataFrame, columns: list[str], seed: int) -> np.ndarray:
    """Quantiles of the FVC, (asked, 3)."""
    seen = learned[["gap_weeks", *columns]].fillna(learned[columns].median())
    questions = asked[["gap_weeks", *columns]].fillna(learned[columns].median())
    low, width = seen.min(), (seen.max() - seen.min()).where(lambda width: width > 0, 1.0)
    network = _Network(seen.shape[1], np.random.default_rng(seed))
    network.learn(((seen - low) / width).to_numpy(), fvc_to(learned))
    return np.sort(network.quantiles(((questions - low) / width).to_numpy()), axis=1)


class _Network:
    """Dense 100, ReLU, dense 100, ReLU, then a line and a rising sum of positive steps; learned by Adam."""

    def __init__(self, inputs: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._weights = [
            rng.uniform(-1, 1, (before, after)) * np.sqrt(6 / (before + after))
            for before, after in ((inputs, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 6))
        ]
        self._biases = [np.zeros(matrix.shape[1]) for matrix in self._weights]

    def quantiles(self, rows: np.ndarray) -> np.ndarray:
        """(rows, inputs) → (rows, 3)."""
        return self._outputs(self._layers(rows)[-1])

    def learn(self, rows: np.ndarray, fvc_ml: np.ndarray) -> None:
        """Go through the rows EPOCHS times."""
        parameters = [*self._weights, *self._biases]
        moments = [[np.zeros_like(values) for values in parameters] for _ in range(2)]
        step = 0
        for _ in range(EPOCHS):
            order = self._rng.permutation(len(rows))
            for start in range(0, len(rows), BATCH):
                batch = order[start : start + BATCH]
                rate = LEARNING_RATE / (1 + DECAY * step)
                step += 1
                for place, gradient in enumerate(self._gradients(rows[batch], fvc_ml[batch])):
                    moments[0][place] = 0.9 * moments[0][place] + 0.1 * gradient
                    moments[1][place] = 0.999 * moments[1][place] + 0.001 * gradient**2
                    mean, square = moments[0][place] / (1 - 0.9**step), moments[1][place] / (1 - 0.999**step)
                    parameters[place] -= rate * mean / (np.sqrt(square) + 1e-7)

    def _layers(self, rows: np.ndarray) -> list[np.ndarray]:
        layers = [rows]
        for matrix, bias in zip(self._weights, self._biases, strict=True):
            values = layers[-1] @ matrix + bias
            layers.append(values if matrix is self._weights[-1] else np.maximum(values, 0))
        return layers

    def _outputs(self, last: np.ndarray) -> np.ndarray:
        return np.asarray(last[:, :3] + np.cumsum(np.maximum(last[:, 3:], 0), axis=1))

    def _gradients(self, rows: np.ndarray, fvc_ml: np.ndarray) -> list[np.ndarray]:
        layers = self._layers(rows)
        by_quantile = _loss_gradient(self._outputs(layers[-1]), fvc_ml) / len(rows)
        steps = np.cumsum(by_quantile[:, ::-1], axis=1)[:, ::-1] * (layers[-1][:, 3:] > 0)
        back = np.hstack([by_quantile, steps])
        matrices: list[np.ndarray] = []
        biases: list[np.ndarray] = []
        for place in (2, 1, 0):
            matrices.insert(0, layers[place].T @ back)
            biases.insert(0, back.sum(axis=0))
            back = (back @ self._weights[place].T) * (layers[place] > 0)
        return [*matrices, *biases]


def _loss_gradient(quantiles: np.ndarray, fvc_ml: np.ndarray) -> np.ndarray:
    """Of the loss, by each quantile, (rows, 3)."""
    missed = fvc_ml[:, None] - quantiles
    pinball = np.where(missed > 0, -LEVELS, 1 - LEVELS) / len(LEVELS)
    width = quantiles[:, 2] - quantiles[:, 0]
    sigma, error = np.maximum(width, 70.0), np.abs(missed[:, 1])
    metric = np.zeros_like(quantiles)
    metric[:, 1] = -np.sqrt(2) * np.sign(missed[:, 1]) * (error < 1000) / sigma
    by_sigma = (1 / sigma - np.sqrt(2) * np.minimum(error, 1000) / sigma**2) * (width > 70)
    metric[:, 2], metric[:, 0] = by_sigma, -by_sigma
    return PINBALL_SHARE * pinball + (1 - PINBALL_SHARE) * metric
