"""What can be set about networks that look at pictures, and what follows from it: network, loss, recipe."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from pulmo.errors import Fault, UserError
from pulmo.pipeline.settings import Section

if TYPE_CHECKING:
    from pulmo.models.segmentation_losses import SegmentationLoss
    from pulmo.training.image_trainer import Recipe

# Keras takes seconds to load: only where a network is built, never where settings are read.
ENCODER_STRIDE = 32
"""How much smaller an encoder's last features are than the image; see `models.encoder_unet`."""


def check_pixels(section: str, pixels: int, multiple: int) -> None:
    """Images of `pixels` a side must be a `multiple` for the network that the settings `section` describe.

    Raises:
        UserError: it is not; the nearest sizes that are will be named.
    """
    if pixels % multiple:
        below, above = pixels // multiple * multiple, -(-pixels // multiple) * multiple
        sizes = f"{below} or {above}" if below else str(above)
        what = f"is {pixels}: the network of {section} needs a multiple of {multiple}"
        raise UserError(Fault("setting features.pixels", what, f"Set features.pixels to {sizes}"))


class RecipeSettings(Section):
    """How a network is trained on pictures.

    The fields of `fit.Plan`, `steps` being 0 for each image once an epoch; `batch`; those of `augment.Augmentation`,
    `gain` and `offset` (grey levels) included; and `first_positive_share`, see `image_trainer.Recipe`.
    """

    batch: int = Field(ge=1)
    epochs: int = Field(ge=1)
    steps: int = Field(ge=0)
    learning_rate: float = Field(gt=0)
    warm_up_epochs: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    averaging: float = Field(ge=0, lt=1)
    patience: int = Field(ge=0)
    first_positive_share: float | None = Field(default=None, gt=0, lt=1)
    flip: bool
    rotation: float = Field(ge=0, le=180)
    zoom: float = Field(ge=0, lt=1)
    shift: float = Field(ge=0, lt=1)
    gain: float = Field(ge=0, lt=1)
    offset: float = Field(ge=0)

    def recipe(self, pictures: int) -> "Recipe":
        """For trainings on so many pictures."""
        from pulmo.training.augment import Augmentation
        from pulmo.training.fit import Plan
        from pulmo.training.image_trainer import Recipe

        plan = Plan(
            epochs=self.epochs,
            steps=self.steps or math.ceil(pictures / self.batch),
            learning_rate=self.learning_rate,
            warm_up_epochs=self.warm_up_epochs,
            weight_decay=self.weight_decay,
            averaging=self.averaging,
            patience=self.patience,
        )
        moves = Augmentation(self.flip, False, self.rotation, self.zoom, self.shift, self.gain, self.offset)
        return Recipe(plan, self.batch, moves, self.first_positive_share)


class FoldSettings(Section):
    """A family of networks, one for each of the first so many `folds`; on a CPU, `parallel_folds` of them are trained
    side by side, see `fold_networks`.

    With `mirrored`, a picture's mirror image is asked about too, and both answers are averaged.
    """

    folds: int = Field(ge=0)
    parallel_folds: int = Field(ge=1)
    mirrored: bool


class SegmenterSettings(RecipeSettings):
    """A network that outlines something.

    `network` is the report's U-Net, its residual network, or a U-Net on an encoder; `start` and `momentum` are of all,
    `depth` of the first two, `rate`, `dropout` and `shrink` of the U-Net, `head` of both U-Nets, `blocks` and
    `short_head` of the residual network: see `models.unet`, `models.resnet_segmenter` and `models.encoder_unet`. The
    `encoder` starts from the file `encoder_weights`, or at random. Then the weights of the loss's terms, see
    `models.segmentation_losses`; that of `any` counts where there is a head.
    """

    network: Literal["unet", "resnet", "encoder"]
    encoder: Literal["mobilenet_v2", "efficientnet_v2_b0", "resnet50", "densenet121"] = "efficientnet_v2_b0"
    encoder_weights: Path | None = None
    start: int = Field(ge=1)
    depth: int = Field(ge=1)
    momentum: float = Field(ge=0, lt=1)
    rate: float = Field(gt=0)
    dropout: float = Field(ge=0, lt=1)
    shrink: int = Field(ge=1)
    head: bool
    blocks: int = Field(ge=1)
    short_head: bool
    cross_entropy: float = Field(ge=0)
    focal: float = Field(ge=0)
    dice: float = Field(ge=0)
    iou: float = Field(ge=0)
    any: float = Field(ge=0)

    @property
    def pixel_multiple(self) -> int:
        """Of what the side of an image must be a multiple, for the network halves it that often."""
        if self.network == "encoder":
            return ENCODER_STRIDE
        return int(2**self.depth) * (self.shrink if self.network == "unet" else 1)

    @property
    def has_head(self) -> bool:
        """Whether the network also predicts if there is anything at all."""
        return self.head and self.network != "resnet"

    def builder(self, pixels: int, note: Callable[[str], None]) -> Callable[[], Any]:
        """What makes the network for pictures of `pixels` a side; whether its encoder has learned before is noted."""
        from pulmo.models.resnet_segmenter import ResnetSegmenterParameters, resnet_segmenter
        from pulmo.models.unet import UnetParameters, unet

        if self.network == "encoder":
            return self._encoder_builder(pixels, note)
        if self.network == "resnet":
            residual = ResnetSegmenterParameters(
                self.start, self.depth, self.blocks, self.momentum, 0.0, self.short_head
            )
            return lambda: resnet_segmenter(residual, pixels)
        parameters = UnetParameters(
            self.start, self.depth, self.rate, self.dropout, self.momentum, self.shrink, self.head
        )
        return lambda: unet(parameters, pixels)

    def _encoder_builder(self, pixels: int, note: Callable[[str], None]) -> Callable[[], Any]:
        from pulmo.models.encoder_unet import LEVELS, EncoderUnetParameters, encoder_unet
        from pulmo.training.pretrained import encoder_weights

        weights, origin = encoder_weights(self.encoder, self.encoder_weights)
        note(origin)
        filters = tuple(self.start * 2**level for level in reversed(range(LEVELS)))
        parameters = EncoderUnetParameters(self.encoder, filters, self.momentum, self.head)
        return lambda: encoder_unet(parameters, pixels, weights)

    def objective(self) -> "SegmentationLoss":
        """What it learns by."""
        from pulmo.models.segmentation_losses import SegmentationLoss, Terms

        return SegmentationLoss(Terms(self.cross_entropy, self.focal, self.dice, self.iou, self.any))


class FoldSegmenterSettings(FoldSettings, SegmenterSettings):
    """Networks that outline something, one a fold."""
