"""What can be set about networks that look at pictures, and what follows from it: network, loss, recipe."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from pulmo.pipeline.settings import Section

if TYPE_CHECKING:
    from pulmo.models.segmentation_losses import SegmentationLoss
    from pulmo.training.image_trainer import Recipe

# Keras takes seconds to load: only where a network is built, never where settings are read.


class RecipeSettings(Section):
    """How a network is trained on pictures.

    The fields of `fit.Plan`, `steps` being 0 for each picture once an epoch; `batch`; the fields of `augment.Moves`,
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
        from pulmo.training.augment import Moves
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
        moves = Moves(self.flip, False, self.rotation, self.zoom, self.shift, self.gain, self.offset)
        return Recipe(plan, self.batch, moves, self.first_positive_share)


class SegmenterSettings(RecipeSettings):
    """A network that outlines something.

    `network` is the report's U-Net or its residual network; `start`, `depth` and `momentum` are of both, `rate`,
    `dropout`, `shrink` and `head` of the U-Net, `blocks` and `short_head` of the other: see `models.unet` and
    `models.resnet_segmenter`. Then the weights of the loss's terms, see `models.segmentation_losses`; that of `any`
    counts where there is a head.
    """

    network: Literal["unet", "resnet"]
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

    def builder(self, pixels: int) -> Callable[[], Any]:
        """What makes the network for pictures of `pixels` a side."""
        from pulmo.models.resnet_segmenter import ResnetSegmenterParameters, resnet_segmenter
        from pulmo.models.unet import UnetParameters, unet

        if self.network == "resnet":
            residual = ResnetSegmenterParameters(
                self.start, self.depth, self.blocks, self.momentum, 0.0, self.short_head
            )
            return lambda: resnet_segmenter(residual, pixels)
        parameters = UnetParameters(
            self.start, self.depth, self.rate, self.dropout, self.momentum, self.shrink, self.head
        )
        return lambda: unet(parameters, pixels)

    def objective(self) -> "SegmentationLoss":
        """What it learns by."""
        from pulmo.models.segmentation_losses import SegmentationLoss, Terms

        return SegmentationLoss(Terms(self.cross_entropy, self.focal, self.dice, self.iou, self.any))
