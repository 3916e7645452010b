"""A picture and its mirror image, asked about together."""

from typing import Any

from keras import ops


def flipped_views(network: Any, image: Any) -> dict[str, Any]:
    """What a network of named outputs says of pictures (batch, rows, columns) and their mirror images, left for right:
    (batch, 2, …) each. Asked in one batch, for the network is compiled for each time it is asked."""
    shape = image.shape[1:]
    views = ops.reshape(ops.stack([image, ops.flip(image, 2)], 1), (-1, *shape))
    return {name: ops.reshape(said, (-1, 2, *said.shape[1:])) for name, said in network({"image": views}).items()}
