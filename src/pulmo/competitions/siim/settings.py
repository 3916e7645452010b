"""What can be set in SIIM's stages; the values are in `config.toml`."""

from typing import Annotated

from pydantic import Field, model_validator

from pulmo.pipeline.settings import Section
from pulmo.training.image_settings import FoldSegmenterSettings, check_pixels

Shares = tuple[Annotated[float, Field(ge=0, le=1)], ...]


class FeatureSettings(Section):
    """`pixels` a side that networks see, with CLAHE of clip limit `contrast` (0: none); `folds` by
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

    high: Shares = Field(min_length=1)
    least_share: Shares = Field(min_length=1)
    low: Shares = Field(min_length=1)
    gate: Shares = Field(min_length=1)


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

    @model_validator(mode="after")
    def _go_together(self) -> "Settings":
        check_pixels("train_segmenter", self.features.pixels, self.train_segmenter.pixel_multiple)
        return self
