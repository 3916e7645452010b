"""What networks are trained on, a dataset, and what for, a task: mask, boxes, labels or class.

A task is the target of each row and all that follows from its kind: how image and target are augmented together, the
network, its loss and metrics, and the out-of-fold predictions. A competition with another kind of target writes a class
of its own by the protocol `Task`. Nothing here loads Keras before a network is built.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np

from pulmo.training.settings import ClassifierConfig, DetectorConfig, SegmenterConfig, TrainingConfig

if TYPE_CHECKING:
    from pulmo.training.inference import Predictor
    from pulmo.training.loop import Metric

Motion = Literal["same", "mask", "boxes"]
"""How a target moves with its augmented image: not at all, pixel by pixel, or as boxes."""
Note = Callable[[str], None]
"""Takes a sentence for the run's summary."""


@dataclass(frozen=True)
class Dataset:
    """Rows to train on and to predict; the arrays may be memory-mapped and are never copied whole.

    Attributes:
        inputs: of the network, by name, (rows, …) each; `image` among them.
        fold: of each row, (rows,) int, from 0; rows below 0 are in no fold.
        trainable: (rows,) bool; the others are predicted, but not trained on. Default: all rows that are in a fold.
        patient: of each row, (rows,); needed where a share of the patients validates.
        positive: (rows,) bool; needed where the share of positive rows is scheduled.

    Raises:
        ValueError: an array has another number of rows than `fold`.
    """

    inputs: Mapping[str, np.ndarray]
    fold: np.ndarray
    trainable: np.ndarray | None = None
    patient: np.ndarray | None = None
    positive: np.ndarray | None = None

    def __post_init__(self) -> None:
        arrays = {**self.inputs, "trainable": self.trainable, "patient": self.patient, "positive": self.positive}
        for name, array in arrays.items():
            if array is not None and len(array) != len(self.fold):
                raise ValueError(f"{name} has {len(array)} rows, fold has {len(self.fold)}")

    @property
    def folds(self) -> int:
        """The number of folds."""
        return int(self.fold.max(initial=-1)) + 1

    @property
    def trainable_rows(self) -> np.ndarray:
        """(rows,) bool."""
        return self.fold >= 0 if self.trainable is None else self.trainable

    @property
    def training_size(self) -> int:
        """The rows that a network is trained on which leaves one fold out, about; all, where there is one fold."""
        rows = int(self.trainable_rows.sum())
        return rows * (self.folds - 1) // self.folds if self.folds > 1 else rows


class Task(Protocol):
    """What a network is trained for. It is sent to other processes: a frozen dataclass of arrays and settings."""

    @property
    def config(self) -> TrainingConfig:
        """How it is trained."""

    @property
    def target(self) -> np.ndarray:
        """(rows, …), what the loss compares predictions with."""

    def network(self, inputs: Mapping[str, np.ndarray], note: Note) -> Callable[[], Any]:
        """A function that builds the Keras model for such inputs, with new random weights at each call."""

    def augment(self, seed: int) -> Any:
        """The layer that augments images and targets together, see `augment.Augment`."""

    def loss(self) -> Any:
        """A Keras loss: (target, prediction) → a number an example."""

    def metrics(self) -> Mapping[str, "Metric"]:
        """Metrics for the history beside the loss, by name."""

    def weight(self, rows: np.ndarray) -> np.ndarray | None:
        """The weight in the loss of all rows, where these are trained on; None: all alike."""

    def predictor(self, network: Any) -> "Predictor":
        """Out-of-fold predictions of the network: arrays by name, a row a dataset's row."""


class ImageTask:
    """What most tasks on 2-D images share: the image is augmented, a target may move with it, and rows weigh alike."""

    config: TrainingConfig
    motion: ClassVar[Motion] = "same"

    def augment(self, seed: int) -> Any:
        """See `augment.Augment`; the target moves by `motion`."""
        from pulmo.training.augment import Augment

        return Augment(self.config.augmentation(), "yx", seed, target=self.motion)

    def weight(self, rows: np.ndarray) -> np.ndarray | None:
        """All alike."""
        return None


class BoxLimits(NamedTuple):
    """Of each image at most `most` boxes, those of the greatest confidence, and none below `min_confidence`."""

    most: int
    min_confidence: float


@dataclass(frozen=True)
class MaskTask(ImageTask):
    """Segmentation, and whether the image shows anything. Predictions: `mask`, `presence`, see `MaskPredictor`.

    Attributes:
        config: of network, loss and training.
        target: uint8 (rows, pixels, pixels), how much of each pixel is covered, 255 being all (so small things survive
            resizing).
        outputs: those of the predictions that are wanted; masks take space.
    """

    config: SegmenterConfig
    target: np.ndarray
    outputs: tuple[str, ...] = ("mask", "presence")
    motion: ClassVar[Motion] = "mask"

    def network(self, inputs: Mapping[str, np.ndarray], note: Note) -> Callable[[], Any]:
        """See `models.segmenter`; the origin of an encoder's weights is noted."""
        config, pixels = self.config, inputs["image"].shape[1]
        if config.network == "resnet":
            from pulmo.models.resnet_segmenter import ResnetSegmenterParameters, resnet_segmenter

            residual = ResnetSegmenterParameters(
                base_filters=config.base_filters,
                depth=config.depth,
                residual_blocks=config.residual_blocks,
                momentum=config.momentum,
                negative_slope=0.0,
                upsampling_head=config.upsampling_head,
            )
            return lambda: resnet_segmenter(residual, pixels)
        if config.network == "unet":
            from pulmo.models.unet import unet

            parameters = config.unet_parameters(config.presence_head)
            return lambda: unet(parameters, pixels)
        from pulmo.models.encoder_unet import EncoderUnetParameters, encoder_unet
        from pulmo.models.encoders import LEVELS
        from pulmo.training.pretrained import encoder_weights

        weights, origin = encoder_weights(config.encoder, config.encoder_weights)
        note(origin)
        levels = LEVELS - int(math.log2(config.output_stride))
        filters = tuple(config.base_filters * 2**level for level in reversed(range(levels)))
        expanding = EncoderUnetParameters(
            config.encoder, filters, config.momentum, config.presence_head, config.dropout
        )
        return lambda: encoder_unet(expanding, pixels, weights)

    def loss(self) -> Any:
        """See `models.segmentation_losses`."""
        from pulmo.models.segmentation_losses import SegmentationLoss, Terms

        config = self.config
        return SegmentationLoss(
            Terms(config.cross_entropy, config.focal, config.dice, config.iou, config.presence_loss)
        )

    def metrics(self) -> Mapping[str, "Metric"]:
        """Dice at network size."""
        from pulmo.models.metrics import dice_of_masks

        return {"dice": dice_of_masks}

    def predictor(self, network: Any) -> "Predictor":
        """See `inference.MaskPredictor`."""
        from pulmo.training.inference import MaskPredictor

        return MaskPredictor(network, self.config.tta_flip, self.outputs)


@dataclass(frozen=True)
class BoxTask(ImageTask):
    """Detection. Predictions: `boxes`, see `BoxPredictor`.

    Attributes:
        config: of network and training.
        target: float32 (rows, most, 4), x0, y0, x1, y1 in pixels of the images, padded with 0.
        limits: which boxes are predicted.
    """

    config: DetectorConfig
    target: np.ndarray
    limits: BoxLimits
    motion: ClassVar[Motion] = "boxes"

    def network(self, inputs: Mapping[str, np.ndarray], note: Note) -> Callable[[], Any]:
        """See `models.detector`; the origin of an encoder's weights is noted."""
        from pulmo.models.detector import DetectorParameters, detector
        from pulmo.training.pretrained import encoder_weights

        config, pixels = self.config, inputs["image"].shape[1]
        parameters = DetectorParameters(config.base_filters, config.depth, config.momentum, config.stride)
        if config.network == "plain":
            return lambda: detector(parameters, pixels)
        weights, origin = encoder_weights(config.encoder, config.encoder_weights)
        note(origin)
        return lambda: detector(parameters._replace(encoder=config.encoder), pixels, weights)

    def loss(self) -> Any:
        """See `models.detection_loss`."""
        from pulmo.models.detection_loss import DetectionLoss

        return DetectionLoss(self.config.stride)

    def metrics(self) -> Mapping[str, "Metric"]:
        """None."""
        return {}

    def predictor(self, network: Any) -> "Predictor":
        """See `inference.BoxPredictor`."""
        from pulmo.training.inference import BoxPredictor

        return BoxPredictor(network, self.config.tta_flip, self.limits)


@dataclass(frozen=True)
class LabelsTask(ImageTask):
    """Classification by labels that may occur together. Predictions: `probability` float32 (rows, labels).

    Attributes:
        config: of network and training.
        target: float32 (rows, labels), 0 or 1.
    """

    config: ClassifierConfig
    target: np.ndarray

    def network(self, inputs: Mapping[str, np.ndarray], note: Note) -> Callable[[], Any]:
        """See `models.classifier`; the origin of an encoder's weights is noted."""
        return _classifier(self.config, inputs["image"].shape[1], self.target.shape[1], note)

    def loss(self) -> Any:
        """The mean cross-entropy of the labels."""
        import keras

        return keras.losses.BinaryCrossentropy(from_logits=True)

    def metrics(self) -> Mapping[str, "Metric"]:
        """The share of labels that are right at one half."""
        from pulmo.models.metrics import accuracy_of_labels

        return {"accuracy": accuracy_of_labels}

    def predictor(self, network: Any) -> "Predictor":
        """See `inference.LabelPredictor`."""
        from pulmo.training.inference import LabelPredictor

        return LabelPredictor(network, self.config.tta_flip)


@dataclass(frozen=True)
class ClassTask(ImageTask):
    """Classification by classes that exclude each other; all classes weigh alike in the loss.

    Predictions: `logits` float32 (rows, classes).

    Attributes:
        config: of network and training.
        target: int64 (rows, 1), the class from 0.
        classes: how many there are.
    """

    config: TrainingConfig
    target: np.ndarray
    classes: int = 2

    def network(self, inputs: Mapping[str, np.ndarray], note: Note) -> Callable[[], Any]:
        """See `models.classifier`; the origin of an encoder's weights is noted."""
        if not isinstance(self.config, ClassifierConfig):
            raise TypeError(f"{type(self).__name__} builds no network from {type(self.config).__name__}")
        return _classifier(self.config, inputs["image"].shape[1], self.classes, note)

    def loss(self) -> Any:
        """Cross-entropy."""
        import keras

        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def metrics(self) -> Mapping[str, "Metric"]:
        """The share of examples whose class is predicted."""
        from pulmo.models.metrics import accuracy_of_classes

        return {"accuracy": accuracy_of_classes}

    def weight(self, rows: np.ndarray) -> np.ndarray | None:
        """See `class_weights`."""
        return class_weights(self.target[:, 0], rows, self.classes)

    def predictor(self, network: Any) -> "Predictor":
        """The network's logits."""
        from pulmo.training.inference import OutputPredictor

        return OutputPredictor(network, "logits")


def class_weights(label: np.ndarray, rows: np.ndarray, classes: int = 2) -> np.ndarray:
    """A weight for each example, (examples,) float32, by which all classes have the same total weight among the `rows`
    trained on, whose mean weight is 1."""
    shares = np.array([np.mean(label[rows] == value) for value in range(classes)])
    return np.asarray((1 / classes / np.maximum(shares, 1 / len(label)))[label], np.float32)


def _classifier(config: ClassifierConfig, pixels: int, outputs: int, note: Note) -> Callable[[], Any]:
    from pulmo.models.classifier import ClassifierParameters, classifier

    if config.network == "unet":
        small = ClassifierParameters(config.unet_parameters(presence_head=False), config.dropout)
        return lambda: classifier(small, pixels, outputs)
    from pulmo.training.pretrained import encoder_weights

    weights, origin = encoder_weights(config.encoder, config.encoder_weights)
    note(origin)
    parameters = ClassifierParameters(config.encoder, config.dropout)
    return lambda: classifier(parameters, pixels, outputs, weights)
