"""Settings of networks and their training, with defaults for chest X-rays; a competition's `config.toml` replaces them.

The networks themselves are built in `tasks`; Keras is not loaded where settings are read.
"""

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationInfo, field_validator

from pulmo.errors import Fault, UserError
from pulmo.pipeline.settings import Section
from pulmo.training.pretrained import WeightSource, resolve_source

if TYPE_CHECKING:
    from pulmo.models.unet import UnetParameters
    from pulmo.training.augment import Augmentation
    from pulmo.training.loop import Schedule

EncoderName = Literal[
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "mobilenet_v2",
    "efficientnet_v2_b0",
    "resnet50",
    "densenet121",
]
ENCODER_LEVELS = 5
"""So often an encoder halves the image; see `models.encoders`."""
ENCODER_STRIDE = int(2**ENCODER_LEVELS)


def check_pixels(section: str, pixels: int, multiple: int) -> None:
    """Images of `pixels` a side must be a `multiple` for the network that the settings `section` describe.

    Raises:
        UserError: they are not; it names the nearest sizes that are.
    """
    if pixels % multiple:
        below, above = pixels // multiple * multiple, -(-pixels // multiple) * multiple
        sizes = f"{below} or {above}" if below else str(above)
        what = f"is {pixels}: the network of {section} needs a multiple of {multiple}"
        raise UserError(Fault("setting features.pixels", what, f"Set features.pixels to {sizes}"))


class TrainingConfig(Section):
    """How a network is trained.

    Attributes:
        batch (examples): a step.
        epochs: at most so many.
        steps: an epoch; 0: as many as show each example once.
        learning_rate: the peak of the schedule: a linear rise over the warm-up, then half a cosine down to 0.
        warm_up_epochs: at the schedule's start.
        weight_decay: AdamW's.
        ema_decay: share of the past in the moving average of the weights, taken after each epoch; 0: none.
        patience: epochs without a better validation loss before training stops; None: all epochs are trained.
        validation_share: of the training patients, who choose the best epoch; 0: the last epoch is taken.
        first_positive_share: of positive examples in the first epoch, relaxed to the natural share over the epochs; 0:
            natural throughout.
        flip: half of the examples are mirrored, left for right.
        rotation (degrees): at most, either way.
        zoom, shift (shares of the side): at most, either way.
        contrast: values are multiplied by up to 1 ± so much.
        brightness (grey levels, or HU of a CT): at most so much is added or subtracted.
        parallel_folds: networks trained at the same time on a CPU, each with its share of the cores.
    """

    batch: int = Field(default=16, ge=1)
    epochs: int = Field(default=10, ge=1)
    steps: int = Field(default=0, ge=0)
    learning_rate: float = Field(default=0.001, gt=0)
    warm_up_epochs: int = Field(default=1, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    ema_decay: float = Field(default=0.5, ge=0, lt=1)
    patience: int | None = Field(default=None, ge=0)
    validation_share: float = Field(default=0.0, ge=0, le=0.5)
    first_positive_share: float = Field(default=0.0, ge=0, lt=1)
    flip: bool = True
    rotation: float = Field(default=5.0, ge=0, le=180)
    zoom: float = Field(default=0.1, ge=0, lt=1)
    shift: float = Field(default=0.05, ge=0, lt=1)
    contrast: float = Field(default=0.1, ge=0, lt=1)
    brightness: float = Field(default=10.0, ge=0)
    parallel_folds: int = Field(default=1, ge=1)

    def schedule(self, examples: int) -> "Schedule":
        """Length and learning rate of a training on so many examples."""
        from pulmo.training.loop import Schedule

        return Schedule(
            epochs=self.epochs,
            steps=self.steps or math.ceil(examples / self.batch),
            learning_rate=self.learning_rate,
            warm_up_epochs=self.warm_up_epochs,
            weight_decay=self.weight_decay,
            ema_decay=self.ema_decay,
            patience=self.epochs if self.patience is None else self.patience,
        )

    def augmentation(self, fill: float = 0.0) -> "Augmentation":
        """The ranges of random augmentation; `fill` is the value outside the image."""
        from pulmo.training.augment import Augmentation

        return Augmentation(
            flip_left_right=self.flip,
            rotation=self.rotation,
            zoom=self.zoom,
            shift=self.shift,
            contrast=self.contrast,
            brightness=self.brightness,
            fill=fill,
        )


class ImageNetworkConfig(TrainingConfig):
    """A network on 2-D images, trained for some of the folds.

    Attributes:
        folds: a network for each of the first so many; 0: none.
        tta_flip: test-time augmentation: predictions are averaged over the image and its mirror image.
        base_filters: of the first level.
        depth: how often the network halves the image.
        momentum: of batch normalisation.
    """

    folds: int = Field(default=5, ge=0)
    tta_flip: bool = True
    base_filters: int = Field(default=32, ge=1)
    depth: int = Field(default=4, ge=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)

    @property
    def pixel_multiple(self) -> int:
        """The side of an image must be a multiple of this, because the network halves it so often."""
        return int(2**self.depth)


class EncoderNetworkConfig(ImageNetworkConfig):
    """A network that may have an encoder.

    Attributes:
        encoder: published network whose convolutions are used instead of the network's own.
        encoder_weights: where its weights come from: "imagenet", its installed package; "auto", the same where that is
            installed, else random ones; a file; not set: random.
        frozen_epochs: the first so many train the rest of the network, not a pretrained encoder.
        frozen_views: where all epochs are frozen, the encoder's features are computed once, of each image and of its
            augmented copies, so many together; 0: they are computed in every epoch.
        encoder_learning_rate: factor of the learning rate for a pretrained encoder.
    """

    encoder: EncoderName = "efficientnet_v2_b0"
    encoder_weights: WeightSource = None
    frozen_epochs: int = Field(default=0, ge=0)
    frozen_views: int = Field(default=0, ge=0)
    encoder_learning_rate: float = Field(default=1.0, gt=0, le=1)

    @field_validator("encoder_weights")
    @classmethod
    def _available(cls, source: WeightSource, fields: ValidationInfo) -> WeightSource:
        return resolve_source(fields.data["encoder"], source) if "encoder" in fields.data else source

    @property
    def pretrained(self) -> bool:
        """Whether the encoder starts from pretrained weights."""
        return self.encoder_weights is not None

    def schedule(self, examples: int) -> "Schedule":
        """Length and learning rate of a training on so many examples; an encoder of random weights is never frozen."""
        schedule = super().schedule(examples)
        if not self.pretrained:
            return schedule
        return schedule._replace(
            frozen_epochs=self.frozen_epochs,
            frozen_views=self.frozen_views,
            encoder_learning_rate=self.encoder_learning_rate,
        )


class UnetConfig(EncoderNetworkConfig):
    """The size of a U-Net, or of its contracting path; see `models.unet`.

    Attributes:
        filter_growth: factor of the filters from level to level.
        dropout: of channels.
        output_stride: the network computes on an image so many times smaller.
    """

    filter_growth: float = Field(default=2.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    output_stride: int = Field(default=1, ge=1)

    def unet_parameters(self, presence_head: bool) -> "UnetParameters":
        """As `models.unet` takes them."""
        from pulmo.models.unet import UnetParameters

        return UnetParameters(
            base_filters=self.base_filters,
            depth=self.depth,
            filter_growth=self.filter_growth,
            dropout=self.dropout,
            momentum=self.momentum,
            output_stride=self.output_stride,
            presence_head=presence_head,
        )


class SegmenterConfig(UnetConfig):
    """A segmentation network and the weights of its loss, see `models.segmentation_losses`.

    Attributes:
        network: the report's U-Net, the report's residual network, or a U-Net on an `encoder`.
        presence_head: the U-Nets also predict whether the image shows anything.
        residual_blocks: a level, of the residual network.
        upsampling_head: the residual network ends in a smooth upsampling instead of its plain one.
        cross_entropy, focal, dice, iou: weights of the loss's terms.
        presence_loss: weight of the presence head's cross-entropy.
    """

    network: Literal["unet", "resnet", "encoder"] = "unet"
    presence_head: bool = False
    residual_blocks: int = Field(default=2, ge=1)
    upsampling_head: bool = True
    cross_entropy: float = Field(default=1.0, ge=0)
    focal: float = Field(default=0.0, ge=0)
    dice: float = Field(default=1.0, ge=0)
    iou: float = Field(default=0.0, ge=0)
    presence_loss: float = Field(default=0.0, ge=0)

    @property
    def pixel_multiple(self) -> int:
        """The side of an image must be a multiple of this, because the network halves it so often."""
        if self.network == "encoder":
            return ENCODER_STRIDE
        return int(2**self.depth) * (self.output_stride if self.network == "unet" else 1)

    @property
    def predicts_presence(self) -> bool:
        """Whether the network also predicts if the image shows anything."""
        return self.presence_head and self.network != "resnet"


class ClassifierConfig(UnetConfig):
    """A classifier of whole images, see `models.classifier`.

    Attributes:
        network: an `encoder`, or the contracting path of a U-Net.
    """

    network: Literal["unet", "encoder"] = "encoder"

    @property
    def pixel_multiple(self) -> int:
        """The side of an image must be a multiple of this, because the network halves it so often."""
        return ENCODER_STRIDE if self.network == "encoder" else int(2**self.depth) * self.output_stride


class DetectorConfig(EncoderNetworkConfig):
    """A one-stage detector, see `models.detector`.

    Attributes:
        network: convolutions of its own, or a feature pyramid on an `encoder`.
        stride (pixels): of the grid of box centres; a power of 2 up to 2^depth, or up to an encoder's 32.
    """

    network: Literal["plain", "encoder"] = "plain"
    stride: int = Field(default=8, ge=2)

    @property
    def levels(self) -> int:
        """How often the network halves the image."""
        return ENCODER_LEVELS if self.network == "encoder" else self.depth

    @property
    def pixel_multiple(self) -> int:
        """The side of an image must be a multiple of this, because the network halves it so often."""
        return int(2**self.levels)
