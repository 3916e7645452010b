"""Settings of the Data Science Bowl's stages; `config.toml` has the values that differ from the defaults."""

from typing import Annotated, Literal

from pydantic import Field

from pulmo.imaging.area_resample import Size
from pulmo.imaging.network_volume import Channel, LungFormat
from pulmo.pipeline.settings import Section
from pulmo.training.settings import TrainingConfig

Count = Annotated[int, Field(ge=1)]


class FeatureSettings(Section):
    """Folds and labels, and the network's input. MR, where there are no lungs, takes `size` alone.

    Attributes:
        folds: by patient.
        test_share: of the patients, held out as a test set where the files hold none.
        min_readers: of LIDC-IDRI, so many of the readers must have marked a nodule.
        positive: of a folder a class, the one whose probability is predicted; empty: the last by name.
        size (voxels): slices, rows, columns of a volume.
        channels: summaries of the voxels that one covers: "mean", or "nodule_enhanced", of what is small and dense.
        masked: everything outside of the lungs is set to air.
        cropped: the volume covers the lungs' bounding box alone.
        margin_mm (mm): dilation of the lung mask, so that it includes nodules on the pleura.
        vessel_mm (mm): radius of the opening's disc: thinner structures are no nodules.
        slice_share: of the slices that is kept, those with the largest area of nodule candidates.
    """

    folds: int = Field(default=5, ge=2)
    test_share: float = Field(default=0.2, ge=0, le=0.5)
    min_readers: int = Field(default=1, ge=1, le=4)
    positive: str = ""
    size: tuple[Count, Count, Count] = (20, 50, 50)
    channels: tuple[Channel, ...] = Field(default=("mean", "nodule_enhanced"), min_length=1)
    masked: bool = True
    cropped: bool = True
    margin_mm: float = Field(default=3.0, ge=0, le=20)
    vessel_mm: float = Field(default=3.0, ge=0, le=20)
    slice_share: float = Field(default=1.0, gt=0, le=1)

    def lung_format(self) -> LungFormat:
        """As the imaging takes it."""
        return LungFormat(
            Size(*self.size),
            self.channels,
            self.masked,
            self.cropped,
            self.margin_mm,
            self.vessel_mm,
            self.slice_share,
        )


class CnnSettings(TrainingConfig):
    """The three-dimensional network.

    Attributes:
        network: `residual`, of `stem` and `filters`; or that of the `slides`, of `filters` and `dense`.
        stem: filters of the first convolution.
        filters: of each block, or of each convolution.
        dense: units.
        dropout: before the logits.
    """

    network: Literal["residual", "slides"] = "residual"
    stem: int = Field(default=8, ge=1)
    filters: tuple[Count, ...] = Field(default=(16, 32), min_length=1)
    dense: int = Field(default=1024, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class EnsembleSettings(Section):
    """None: the temperature is fitted."""


class PredictSettings(Section):
    """What is drawn of the test set.

    Attributes:
        grad_cams (scans): Grad-CAM maps are computed of so many, the most probable first.
    """

    grad_cams: int = Field(default=12, ge=0)


class CvSettings(Section):
    """The protocol: folds by patient.

    Attributes:
        repeats (seeds): with new folds for each.
    """

    repeats: int = Field(default=3, ge=1)


class Settings(Section):
    """All of the settings, a section a stage."""

    features: FeatureSettings
    train_cnn: CnnSettings
    fit_ensemble: EnsembleSettings
    predict: PredictSettings
    cv: CvSettings
