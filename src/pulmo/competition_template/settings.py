"""Settings of the stages; `config.toml` has the values that differ from the defaults."""

from pydantic import Field, model_validator

from pulmo.pipeline.settings import Section
from pulmo.radiographs.settings import ImageSettings
from pulmo.training.settings import ClassifierConfig, check_pixels


class NetworkSettings(ClassifierConfig):
    """The classifier; of one fold at least, because the estimate is made of its out-of-fold predictions."""

    folds: int = Field(default=5, ge=1)


class Settings(Section):
    """All settings, a section a stage; a `Section` without keys where a stage needs none."""

    features: ImageSettings
    train_classifier: NetworkSettings
    fit_ensemble: Section = Section()
    predict: Section = Section()
    cv: Section = Section()

    @model_validator(mode="after")
    def _go_together(self) -> "Settings":
        check_pixels("train_classifier", self.features.pixels, self.train_classifier.pixel_multiple)
        return self
