"""What can be set in SIIM's stages; the values are in `config.toml`."""

from pydantic import Field

from pulmo.pipeline.settings import Section
from pulmo.training.picture_settings import FoldSegmenterSettings


class FeatureSettings(Section):
    """`pixels` a side that networks see, with `contrast` evened out (0: not; see `radiograph.evened`); `folds` by
    patient."""

    pixels: int = Field(ge=32)
    contrast: float = Field(ge=0)
    folds: int = Field(ge=2)


class OutlineSettings(FoldSegmenterSettings):
    """The network; of two folds at least, for the thresholds of one are fitted on the others."""

    folds: int = Field(ge=2)


class EnsembleSettings(Section):
    """What the search may choose from; all of it is tried.

    `high`: how likely a pixel must be to say that there is air at all, `least_share` of the picture's pixels must be
    that; `low`: how likely a pixel of the outline; `gate`: how likely the network's head must find any air.
    """

    high: tuple[float, ...] = Field(min_length=1)
    least_share: tuple[float, ...] = Field(min_length=1)
    low: tuple[float, ...] = Field(min_length=1)
    gate: tuple[float, ...] = Field(min_length=1)


class PredictSettings(Section):
    """Nothing: prediction follows from the model."""


class CvSettings(Section):
    """Nothing: the folds are those of the features."""


class Settings(Section):
    """All of SIIM's settings, a section a stage."""

    features: FeatureSettings
    train_segmenter: OutlineSettings
    fit_ensemble: EnsembleSettings
    predict: PredictSettings
    cv: CvSettings
