"""What can be set in OSIC's stages; the values are in `config.toml`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pulmo.competitions.osic.confidence import ConfidencePrior
from pulmo.competitions.osic.ensemble import Penalties
from pulmo.imaging.lung_slices import SliceFormat
from pulmo.models.quantile_gbm import GbmParameters
from pulmo.models.robust_linear import LinearParameters
from pulmo.pipeline.settings import Section


class FeatureSettings(Section):
    """Folds, and which CT statistics the models may see.

    `ct_statistics` names a file of published numbers, which then replace our own for every patient. Our own enter the
    models only when `minimum_scans` patients have them; of these, `scan_columns` do. Networks see `slices` of each
    scan, squares of `slice_pixels` that show `slice_field_mm`.
    """

    folds: int = Field(ge=2)
    minimum_scans: int = Field(ge=1)
    scan_columns: tuple[str, ...]
    slices: int = Field(ge=1)
    slice_pixels: int = Field(ge=16)
    slice_field_mm: float = Field(gt=0)
    ct_statistics: Path | None = None

    def slice_format(self) -> SliceFormat:
        """As the imaging takes it."""
        return SliceFormat(self.slices, self.slice_pixels, self.slice_field_mm)


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
    """Penalties of the linear models, as scikit-learn and `models.averaged_lines` mean them."""

    huber_epsilon: float = Field(gt=1)
    huber_alpha: float = Field(ge=0)
    elastic_net_alpha: float = Field(gt=0)
    elastic_net_l1_ratio: float = Field(gt=0, le=1)
    lines_penalty: float = Field(ge=0)

    def parameters(self) -> LinearParameters:
        """As the models take them."""
        return LinearParameters(**self.model_dump())


class CnnSettings(Section):
    """The network on lung slices, left out where fewer than `minimum_scans` patients have a scan.

    Size: `stem`, `filters` a residual block, `dense`, `dropout`. Training: `batch`, and the fields of `fit.Plan`.
    Slices are turned by up to `rotation` degrees, and moved by shares `zoom` and `shift` of their side. A
    `validation_share` of the patients learned from, if any, chooses the best epoch. On a CPU, `parallel_folds` of the
    networks are trained side by side, see `fold_networks`.
    """

    parallel_folds: int = Field(ge=1)
    minimum_scans: int = Field(ge=1)
    stem: int = Field(ge=1)
    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)
    dense: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    batch: int = Field(ge=1)
    epochs: int = Field(ge=1)
    steps: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    warm_up_epochs: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    averaging: float = Field(ge=0, lt=1)
    patience: int = Field(ge=0)
    validation_share: float = Field(ge=0, le=0.5)
    rotation: float = Field(ge=0, le=180)
    zoom: float = Field(ge=0, lt=1)
    shift: float = Field(ge=0, lt=1)


class EnsembleSettings(Section):
    """Penalties of the fit: `equal_weight_penalty` (the metric's loss where all weight lies on one of many models), and
    the prior of Confidence (squared logarithms): its usual value, and equal for both sexes."""

    equal_weight_penalty: float = Field(ge=0)
    usual_confidence: float = Field(ge=0)
    equal_sexes: float = Field(ge=0)

    def penalties(self) -> Penalties:
        """As the ensemble takes them."""
        return Penalties(self.equal_weight_penalty, ConfidencePrior(self.usual_confidence, self.equal_sexes))


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
    train_cnn: CnnSettings
    fit_ensemble: EnsembleSettings
    predict: PredictSettings
    cv: CvSettings
