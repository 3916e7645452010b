"""Weights that an encoder learned elsewhere, from a file that the user gives; never downloaded."""

import warnings
from pathlib import Path

from pulmo.errors import Fault, UserError
from pulmo.models.encoder_unet import encoder_of
from pulmo.training.checkpoint import Values

_SMALLEST = 64


def encoder_weights(name: str, path: Path | None) -> tuple[Values | None, str]:
    """The weights of an encoder, and a sentence on where they come from, for the run's summary.

    Args:
        name: one of `encoder_unet.ENCODERS`.
        path: Keras' weights of that network without its top (`…_notop.h5`, `….weights.h5`); None: there are none.

    Returns:
        What `encoder_unet` takes; None where weights are to be random.

    Raises:
        UserError: the file is not there, or is of another network.
    """
    if path is None:
        return None, f"The encoder {name} starts from random weights: no file of pretrained ones was given"
    remedy = f"Give the file of {name} without its top, or none for random weights"
    if not path.is_file():
        raise UserError(Fault(str(path), "is not a file", remedy))
    encoder = encoder_of(name, _SMALLEST)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # from Keras 3.15 on, layers that a file lacks stay random
            encoder.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning) as reason:
        raise UserError(Fault(str(path), f"does not fit the encoder {name}", remedy)) from reason
    return encoder.get_weights(), f"The encoder {name} starts from the weights in {path.name}"
