"""The quantile networks on tabular data of the first places: two hidden layers of 100, three quantiles.

Published sizes, losses and learning rates; in NumPy, as on a thousand rows of ten columns Keras is dominated by
overhead. One network instead of an average of one per fold, and 300 epochs instead of 600 to 800: the learning rate has
decayed to a twentieth by then.
"""

import numpy as np
import pandas as pd

from osic_peer_models.rows import Forecast, from_baseline, fvc_to

LEVELS = np.array([0.2, 0.5, 0.8])
HIDDEN, EPOCHS, BATCH = 100, 300, 128
LEARNING_RATE, DECAY = 0.1, 0.01
PINBALL_SHARE = 0.8
"""Weight of the pinball loss; the rest is the competition's metric at the median, with q80 − q20 as Confidence."""
SLOPE_SHARE = 0.45


def with_percent(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """All columns, including the first visit's Percent."""
    return _forecast(_quantiles(from_baseline(train), test, columns, seed))


def without_percent(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """Without Percent; two networks averaged."""
    fewer = [column for column in columns if column != "percent_from"]
    both = [_quantiles(from_baseline(train), test, fewer, 2 * seed + number) for number in range(2)]
    return _forecast(np.mean(both, axis=0))


def blended_with_slope(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> Forecast:
    """0.55 of the network without Percent, 0.45 of a line with the median slope, in place of the winner's slopes from
    scans; its Confidence is Percent plus the absolute slope per week."""
    network = without_percent(train, test, columns, seed)
    weeks = test["gap_weeks"].to_numpy()
    slope = _slopes(train).median()
    line = Forecast(
        test["fvc_from_ml"].to_numpy() + slope * weeks, test["percent_from"].to_numpy() + abs(slope) * weeks
    )
    return Forecast(*((1 - SLOPE_SHARE) * one + SLOPE_SHARE * other for one, other in zip(network, line, strict=True)))


def _slopes(train: pd.DataFrame) -> pd.Series:
    """Each patient's least-squares slope, ml per week."""
    start = from_baseline(train)
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


def _quantiles(train: pd.DataFrame, test: pd.DataFrame, columns: list[str], seed: int) -> np.ndarray:
    """Quantiles of the FVC, (rows of `test`, 3)."""
    x_train = train[["gap_weeks", *columns]].fillna(train[columns].median())
    x_test = test[["gap_weeks", *columns]].fillna(train[columns].median())
    low, width = x_train.min(), (x_train.max() - x_train.min()).where(lambda width: width > 0, 1.0)
    network = _Network(x_train.shape[1], np.random.default_rng(seed))
    network.fit(((x_train - low) / width).to_numpy(), fvc_to(train))
    return np.sort(network.quantiles(((x_test - low) / width).to_numpy()), axis=1)


class _Network:
    """Dense 100, ReLU, dense 100, ReLU, then linear outputs plus cumulative positive steps; trained by Adam."""

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

    def fit(self, rows: np.ndarray, fvc_ml: np.ndarray) -> None:
        """Train for EPOCHS epochs."""
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
    """The gradient of the loss by each quantile, (rows, 3)."""
    residual = fvc_ml[:, None] - quantiles
    pinball = np.where(residual > 0, -LEVELS, 1 - LEVELS) / len(LEVELS)
    width = quantiles[:, 2] - quantiles[:, 0]
    sigma, error = np.maximum(width, 70.0), np.abs(residual[:, 1])
    metric = np.zeros_like(quantiles)
    metric[:, 1] = -np.sqrt(2) * np.sign(residual[:, 1]) * (error < 1000) / sigma
    by_sigma = (1 / sigma - np.sqrt(2) * np.minimum(error, 1000) / sigma**2) * (width > 70)
    metric[:, 2], metric[:, 0] = by_sigma, -by_sigma
    return PINBALL_SHARE * pinball + (1 - PINBALL_SHARE) * metric
