"""What can be set in OSIC's stages; the values are in `config.toml`."""

from pathlib import Path

from pydantic import Field

from pulmo.models.quantile_gbm import GbmParameters
from pulmo.models.robust_linear import LinearParameters
from pulmo.pipeline.settings import Section


class FeatureSettings(Section):
    """Folds, and which CT statistics the models may see.

    `ct_statistics` names a file of published numbers, which then replace our own for every patient. Our own enter the
    models only when `minimum_scans` patients have them; of these, `scan_columns` do.
    """

    folds: int = Field(ge=2)
    minimum_scans: int = Field(ge=1)
    scan_columns: tuple[str, ...]
    ct_statistics: Path | None = None


class GbmSettings(Section):
    """LightGBM's own parameters, by its own names."""

    num_iterations: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    num_leaves: int = Field(ge=2)
    min_data_in_leaf: int = Field(ge=1)
    feature_fraction: float = Field(gt=0, le=1)
    bagging_fraction: float = Field(gt=0, le=1)
    lambda_l2: float = Field(ge=0)
    num_threads: int = Field(ge=1)

    def parameters(self) -> GbmParameters:
        """As the model takes them."""
        return GbmParameters(**self.model_dump())


class LinearSettings(Section):
    """Penalties of the linear models, as scikit-learn means them."""

    huber_epsilon: float = Field(gt=1)
    huber_alpha: float = Field(ge=0)
    elastic_net_alpha: float = Field(gt=0)
    elastic_net_l1_ratio: float = Field(gt=0, le=1)
    quantile_alpha: float = Field(ge=0)

    def parameters(self) -> LinearParameters:
        """As the models take them."""
        return LinearParameters(**self.model_dump())


class EnsembleSettings(Section):
    """How strongly the weights are held to equality: the metric's loss for all weight on one of many models."""

    pull_to_equal: float = Field(ge=0)


class PredictSettings(Section):
    """Nothing: prediction follows from the model."""


class CvSettings(Section):
    """The competition's protocol: folds by patient, dealt anew for each of `repeats` seeds."""

    folds: int = Field(ge=2)
    repeats: int = Field(ge=1)


class Settings(Section):
    """All of OSIC's settings, a section a stage."""

    features: FeatureSettings
    train_gbm: GbmSettings
    train_linear: LinearSettings
    fit_ensemble: EnsembleSettings
    predict: PredictSettings
    cv: CvSettings
