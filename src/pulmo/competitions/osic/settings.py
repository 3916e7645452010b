"""Settings of OSIC's stages; `config.toml` has the values that differ from the defaults."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pulmo.competitions.osic.confidence import ConfidencePrior
from pulmo.competitions.osic.ensemble import Penalties
from pulmo.imaging.lung_slices import SliceFormat
from pulmo.models.quantile_gbm import GbmParameters
from pulmo.models.robust_linear import LinearParameters
from pulmo.pipeline.settings import Section
from pulmo.training.settings import TrainingConfig


class FeatureSettings(Section):
    """Folds, CT statistics, and the network's slices.

    Attributes:
        folds: by patient.
        minimum_scans (patients): with CT statistics of our own; the models use none where there are fewer.
        scan_columns: the CT statistics that the models use.
        slices: of each scan.
        slice_pixels: of a slice's side.
        slice_field_mm (mm): what that side shows.
        ct_statistics: file of published CT statistics, which replace our own for every patient.
    """

    folds: int = Field(default=5, ge=2)
    minimum_scans: int = Field(default=50, ge=1)
    scan_columns: tuple[str, ...] = ("lung_litres", "hu_mean", "hu_skew", "share_ground_glass_reticular")
    slices: int = Field(default=8, ge=1)
    slice_pixels: int = Field(default=128, ge=16)
    slice_field_mm: float = Field(default=340.0, gt=0)
    ct_statistics: Path | None = None

    def slice_format(self) -> SliceFormat:
        """As the imaging takes it."""
        return SliceFormat(self.slices, self.slice_pixels, self.slice_field_mm)


class GbmSettings(Section):
    """LightGBM's own parameters, by its own names.

    Attributes:
        num_iterations: trees.
        learning_rate: factor of each tree's values.
        num_leaves: at most, of a tree.
        min_data_in_leaf (rows): at least.
        feature_fraction: share of the columns that a tree sees.
        bagging_fraction: share of the rows that a tree sees.
        lambda_l2: penalty of squared leaf values.
        num_threads: of the processor.
    """

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
    """Penalties of the linear models, as scikit-learn and `models.averaged_lines` define them.

    Attributes:
        huber_epsilon: residuals beyond so many scales count linearly.
        huber_alpha: penalty of squared coefficients of the Huber regression.
        elastic_net_alpha: penalty of the elastic net's coefficients.
        elastic_net_l1_ratio: share of the absolute values in that penalty; the rest is of squares.
        lines_penalty: penalty of the averaged lines' coefficients.
    """

    huber_epsilon: float = Field(gt=1)
    huber_alpha: float = Field(ge=0)
    elastic_net_alpha: float = Field(gt=0)
    elastic_net_l1_ratio: float = Field(gt=0, le=1)
    lines_penalty: float = Field(ge=0)

    def parameters(self) -> LinearParameters:
        """As the models take them."""
        return LinearParameters(**self.model_dump())


class CnnSettings(TrainingConfig):
    """The network on lung slices.

    Attributes:
        minimum_scans (patients): with a scan; the network is left out where there are fewer.
        stem: filters of the first convolution.
        filters: of each residual block.
        dense: units.
        dropout: before the dense layer.
    """

    minimum_scans: int = Field(default=50, ge=1)
    stem: int = Field(default=16, ge=1)
    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(24, 48, 64), min_length=1)
    dense: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class EnsembleSettings(Section):
    """Penalties of the fit.

    Attributes:
        equal_weight_penalty: the metric's loss where all weight lies on one of many models.
        usual_confidence: weight of the prior of Confidence at its usual value, in squared logarithms.
        equal_sexes: weight of the prior of equal Confidence for both sexes, in squared logarithms.
    """

    equal_weight_penalty: float = Field(ge=0)
    usual_confidence: float = Field(ge=0)
    equal_sexes: float = Field(ge=0)

    def penalties(self) -> Penalties:
        """As the ensemble takes them."""
        return Penalties(self.equal_weight_penalty, ConfidencePrior(self.usual_confidence, self.equal_sexes))


class PredictSettings(Section):
    """None: prediction follows from the model."""


class CvSettings(Section):
    """The competition's protocol.

    Attributes:
        folds: by patient.
        repeats (seeds): with new folds for each.
    """

    folds: int = Field(ge=2)
    repeats: int = Field(ge=1)


class Settings(Section):
    """All of OSIC's settings, a section a stage."""

    features: FeatureSettings
    train_gbm: GbmSettings
    train_linear: LinearSettings
    train_cnn: CnnSettings
    fit_ensemble: EnsembleSettings
    predict: PredictSettings
    cv: CvSettings
