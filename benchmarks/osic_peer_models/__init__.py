"""Published OSIC models, reimplemented from their descriptions; one file per family.

Each peer is one function: the forward pairs of the training patients, the pairs to predict of held-out patients (from
the first visit to a later week, without targets), the names of the columns that describe a patient, and a seed → a
prediction.
"""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from osic_peer_models import bayesian, boosting, linear, networks
from osic_peer_models.rows import Forecast

Fit = Callable[[pd.DataFrame, pd.DataFrame, list[str], int], Forecast]


class Peer(NamedTuple):
    """A published model: its name, its Confidence in words, and whether it accepts CT statistics."""

    name: str
    confidence: str
    takes_ct: bool
    fit: Fit


PEERS = (
    Peer("constant FVC", "225", False, linear.constant),
    Peer("population linear decay", "225", False, linear.population_decay),
    Peer("linear regression", "225", True, linear.linear_regression),
    Peer("ridge, α = 1000, on the change", "200 + 2·weeks", True, linear.ridge),
    Peer("elastic net on the change", "200 + 2·weeks", True, linear.elastic_net),
    Peer("Huber on all forward pairs", "200 + 2·weeks", True, linear.huber),
    Peer("mean of these three", "200 + 2·weeks", True, linear.three_linear),
    Peer("quantile MLP with Percent (2nd place's style)", "q80 − q20", True, networks.with_percent),
    Peer("quantile MLP without Percent, 2 seeds (1st place's style)", "q80 − q20", True, networks.without_percent),
    Peer("0.55 of it, 0.45 of the median slope", "blended too", True, networks.blended_with_slope),
    Peer("quantile LightGBM on FVC", "q80 − q20", True, boosting.on_fvc),
    Peer("quantile LightGBM on the change", "q80 − q20", True, boosting.on_change),
    Peer("Bayesian ridge", "predictive sd", True, bayesian.bayesian_ridge),
    Peer("hierarchical mixed model", "predictive sd", True, bayesian.mixed_model),
    Peer("Gaussian process", "predictive sd", True, bayesian.gaussian_process),
)
