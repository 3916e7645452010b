"""How the learning rate goes: up from nothing, then down along a cosine."""

from typing import Any

import keras


def warm_up_then_cosine(peak: float, steps: int, warm_up_steps: int) -> Any:
    """A Keras schedule: linear from 0 to `peak` in the first `warm_up_steps` of `steps`, then half a cosine to 0.

    Source: Loshchilov and Hutter, ICLR 2017; the warm-up is that of Goyal et al. 2017 (arXiv 1706.02677).
    """
    warm_up_steps = min(warm_up_steps, steps - 1)
    if warm_up_steps == 0:
        return keras.optimizers.schedules.CosineDecay(peak, decay_steps=steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=steps - warm_up_steps, warmup_target=peak, warmup_steps=warm_up_steps
    )
