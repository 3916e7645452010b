"""What can be set in RSNA's stages; the values are in `config.toml`."""

from pathlib import Path

from pydantic import Field

from pulmo.pipeline.settings import Section
from pulmo.training.picture_settings import FoldSegmenterSettings, FoldSettings, RecipeSettings


class FeatureSettings(Section):
    """`pixels` a side that networks see, and `folds` by patient."""

    pixels: int = Field(ge=32)
    folds: int = Field(ge=2)


class OutlineSettings(FoldSegmenterSettings):
    """The report's way: boxes painted as masks, outlined, and read back at each of `cuts` (of 255).

    A `head` stands in for the classifier where that is left out.
    """

    cuts: tuple[int, ...] = Field(min_length=1)


class ClassifierSettings(FoldSegmenterSettings):
    """Is there pneumonia at all? A network that outlines too learns that from fewer pictures; it needs a `head`."""


class LungSettings(FoldSegmenterSettings):
    """Where are the lungs? Learned from the masks in `lung_rle.csv`, where it is in the data folder.

    `model` names a network trained elsewhere on pictures of the same size, which is then asked instead.
    """

    model: Path | None = None


class DetectorSettings(FoldSettings, RecipeSettings):
    """The one-stage detector; see `models.detector`."""

    start: int = Field(ge=1)
    depth: int = Field(ge=1)
    momentum: float = Field(ge=0, lt=1)
    cell: int = Field(ge=2)


class EnsembleSettings(Section):
    """Nothing: what is fitted is fitted by the metric."""


class PredictSettings(Section):
    """Nothing: prediction follows from the model."""


class CvSettings(Section):
    """Nothing: the folds are those of the features."""


class Settings(Section):
    """All of RSNA's settings, a section a stage."""

    features: FeatureSettings
    train_lungs: LungSettings
    train_classifier: ClassifierSettings
    train_segmenter: OutlineSettings
    train_detector: DetectorSettings
    fit_ensemble: EnsembleSettings
    predict: PredictSettings
    cv: CvSettings
