"""What can be set in the Data Science Bowl's stages; the values are in `config.toml`."""

from typing import Annotated, Literal

from pydantic import Field

from pulmo.imaging.area_resample import Size
from pulmo.imaging.network_volume import Channel, LungFormat
from pulmo.pipeline.settings import Section

Count = Annotated[int, Field(ge=1)]


class FeatureSettings(Section):
    """Folds and labels, and what the network sees of a scan.

    Where the files hold no test set, `test_share` of the patients are held out as one. A nodule of LIDC-IDRI counts if
    `min_readers` of its readers marked it. Of a folder a class, `positive` names the one whose probability is told; by
    default the last by name. The rest is of `LungFormat`, of which MR, where there are no lungs, takes `size` alone:
    slices, rows, columns.
    """

    folds: int = Field(ge=2)
    test_share: float = Field(ge=0, le=0.5)
    min_readers: int = Field(ge=1, le=4)
    positive: str
    size: tuple[Count, Count, Count]
    channels: tuple[Channel, ...] = Field(min_length=1)
    masked: bool
    cropped: bool
    margin_mm: float = Field(ge=0, le=20)
    vessel_mm: float = Field(ge=0, le=20)
    slice_share: float = Field(gt=0, le=1)

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


class CnnSettings(Section):
    """The three-dimensional network: `residual`, of `stem` and `filters` a block; or that of the `slides`, of `filters`
    a convolution and `dense` units.

    Training: `batch`, and the fields of `fit.Plan`. Scans are mirrored left and right by `flip`, turned in their planes
    by up to `rotation` degrees, moved by shares `zoom` and `shift` of their side; values are moved by up to `offset`.
    A `validation_share` of the patients learned from, if any, chooses the best epoch. On a CPU, `parallel_folds` of the
    networks are trained side by side, see `fold_networks`.
    """

    parallel_folds: int = Field(ge=1)
    network: Literal["residual", "slides"]
    stem: int = Field(ge=1)
    filters: tuple[Count, ...] = Field(min_length=1)
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
    flip: bool
    rotation: float = Field(ge=0, le=180)
    zoom: float = Field(ge=0, lt=1)
    shift: float = Field(ge=0, lt=1)
    offset: float = Field(ge=0)


class EnsembleSettings(Section):
    """Nothing: the temperature is fitted."""


class PredictSettings(Section):
    """Of how many scans, the most probable first, it is shown where the network looked."""

    pictures: int = Field(ge=0)


class CvSettings(Section):
    """Folds by patient, dealt anew for each of `repeats` seeds."""

    repeats: int = Field(ge=1)


class Settings(Section):
    """All of the settings, a section a stage."""

    features: FeatureSettings
    train_cnn: CnnSettings
    fit_ensemble: EnsembleSettings
    predict: PredictSettings
    cv: CvSettings
