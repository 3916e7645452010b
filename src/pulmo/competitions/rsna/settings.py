"""Settings of RSNA's stages; `config.toml` has the values that differ from the defaults."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from pulmo.errors import Fault, UserError
from pulmo.pipeline.settings import Section
from pulmo.training.settings import DetectorConfig, ImageNetworkConfig, SegmenterConfig, check_pixels


class FeatureSettings(Section):
    """`pixels` of a side at network size, and `folds` by patient.

    `patients` is a table of two columns, `patientId` (which names an image) and the patient; by default
    `nih_patients.csv` in the data folder, where it is there.
    """

    pixels: int = Field(default=320, ge=32)
    folds: int = Field(default=5, ge=2)
    patients: Path | None = None


class LungSettings(SegmenterConfig):
    """Segmentation of the lungs, trained on the masks in `lung_rle.csv`, where it is in the data folder.

    `model` names a network trained elsewhere on images of the same size, which is then used instead.
    """

    model: Path | None = None


class ClassifierSettings(SegmenterConfig):
    """The probability of pneumonia, by a segmentation network with a presence head."""

    presence_head: bool = True


class SegmenterSettings(SegmenterConfig):
    """The report's route: boxes painted as masks, segmented, and read back at each of the `thresholds` (of 255).

    A presence head replaces the classifier where that is left out.
    """

    thresholds: tuple[Annotated[int, Field(ge=1, le=255)], ...] = Field(default=(64, 96, 128, 160, 192), min_length=1)


class DetectorSettings(DetectorConfig):
    """The one-stage detector; see `models.detector`."""


class EnsembleSettings(Section):
    """None: all values are fitted by the metric."""


class PredictSettings(Section):
    """None: prediction follows from the model."""


class CvSettings(Section):
    """None: the folds are those of the features."""


class Settings(Section):
    """All of RSNA's settings, a section a stage."""

    features: FeatureSettings
    train_lungs: LungSettings
    train_classifier: ClassifierSettings
    train_segmenter: SegmenterSettings
    train_detector: DetectorSettings
    fit_ensemble: EnsembleSettings
    predict: PredictSettings
    cv: CvSettings

    @model_validator(mode="after")
    def _go_together(self) -> "Settings":
        families: dict[str, ImageNetworkConfig] = {
            "train_lungs": self.train_lungs,
            "train_classifier": self.train_classifier,
            "train_segmenter": self.train_segmenter,
            "train_detector": self.train_detector,
        }
        for name, family in families.items():
            if family.folds:
                check_pixels(name, self.features.pixels, family.pixel_multiple)
        if self.train_classifier.folds and not self.train_classifier.predicts_presence:
            what = "has no presence head, which predicts whether there is pneumonia"
            remedy = "Set network = 'unet' or 'encoder', and presence_head = true"
            raise UserError(Fault("setting train_classifier.network", what, remedy))
        if not self.train_segmenter.folds and not self.train_detector.folds:
            remedy = "Set train_segmenter.folds or train_detector.folds"
            raise UserError(Fault("the settings", "want neither a segmenter nor a detector", remedy))
        _check_stride(self.train_detector)
        return self


def _check_stride(detector: DetectorSettings) -> None:
    strides = [2**level for level in range(1, detector.depth + 1)]
    if detector.folds and detector.stride not in strides:
        remedy = f"Choose from {', '.join(map(str, strides))}, or set train_detector.depth higher"
        what = f"is {detector.stride}, which no level of the network has"
        raise UserError(Fault("setting train_detector.stride", what, remedy))
