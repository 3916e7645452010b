"""What can be set in RSNA's stages; the values are in `config.toml`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from pulmo.errors import Fault, UserError
from pulmo.pipeline.settings import Section
from pulmo.training.image_settings import FoldSegmenterSettings, FoldSettings, RecipeSettings, check_pixels


class FeatureSettings(Section):
    """`pixels` a side that networks see, and `folds` by patient."""

    pixels: int = Field(ge=32)
    folds: int = Field(ge=2)


class OutlineSettings(FoldSegmenterSettings):
    """The report's way: boxes painted as masks, outlined, and read back at each of `cuts` (of 255).

    A `head` stands in for the classifier where that is left out.
    """

    cuts: tuple[Annotated[int, Field(ge=1, le=255)], ...] = Field(min_length=1)


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

    @property
    def pixel_multiple(self) -> int:
        """Of what the side of an image must be a multiple, for the network halves it that often."""
        return int(2**self.depth)


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

    @model_validator(mode="after")
    def _go_together(self) -> "Settings":
        families: dict[str, FoldSegmenterSettings | DetectorSettings] = {
            "train_lungs": self.train_lungs,
            "train_classifier": self.train_classifier,
            "train_segmenter": self.train_segmenter,
            "train_detector": self.train_detector,
        }
        for name, family in families.items():
            if family.folds:
                check_pixels(name, self.features.pixels, family.pixel_multiple)
        if self.train_classifier.folds and not self.train_classifier.has_head:
            what = "has no head, which predicts whether there is anything"
            remedy = "Set network = 'unet' or 'encoder', and head = true"
            raise UserError(Fault("setting train_classifier.network", what, remedy))
        if not self.train_segmenter.folds and not self.train_detector.folds:
            remedy = "Set train_segmenter.folds or train_detector.folds"
            raise UserError(Fault("the settings", "want neither a segmenter nor a detector", remedy))
        _check_cell(self.train_detector)
        return self


def _check_cell(detector: DetectorSettings) -> None:
    cells = [2**level for level in range(1, detector.depth + 1)]
    if detector.folds and detector.cell not in cells:
        remedy = f"Choose from {', '.join(map(str, cells))}, or set train_detector.depth higher"
        raise UserError(Fault("setting train_detector.cell", f"is {detector.cell}, no size of the network's", remedy))
