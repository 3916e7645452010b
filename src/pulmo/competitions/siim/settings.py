"""Settings of SIIM's stages; `config.toml` has the values that differ from the defaults."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from pulmo.pipeline.settings import Section
from pulmo.radiographs.settings import ImageSettings
from pulmo.training.settings import SegmenterConfig, check_pixels

Shares = tuple[Annotated[float, Field(ge=0, le=1)], ...]


class FeatureSettings(ImageSettings):
    """`patients` is a table of two columns, `ImageId` and the patient; by default `nih_patients.csv` in the data
    folder, where it is there."""

    patients: Path | None = None


class NetworkSettings(SegmenterConfig):
    """The segmentation network; of two folds at least, because thresholds of one are fitted on the others."""

    folds: int = Field(default=5, ge=2)


class EnsembleSettings(Section):
    """The values among which the thresholds are searched, all combinations; see `thresholds.Thresholds`."""

    presence_threshold: Shares = Field(min_length=1)
    min_area_fraction: Shares = Field(min_length=1)
    mask_threshold: Shares = Field(min_length=1)
    classifier_threshold: Shares = Field(min_length=1)


class PredictSettings(Section):
    """None: prediction follows from the model."""


class CvSettings(Section):
    """None: the folds are those of the features."""


class Settings(Section):
    """All of SIIM's settings, a section a stage."""

    features: FeatureSettings
    train_segmenter: NetworkSettings
    fit_ensemble: EnsembleSettings
    predict: PredictSettings
    cv: CvSettings

    @model_validator(mode="after")
    def _go_together(self) -> "Settings":
        check_pixels("train_segmenter", self.features.pixels, self.train_segmenter.pixel_multiple)
        return self
