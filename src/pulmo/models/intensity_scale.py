"""The scale of a volume's stored values; apart from the networks, so that reading scans does not load Keras."""

from typing import NamedTuple


class IntensityScale(NamedTuple):
    """What the stored values `low`…`high` of each channel mean: 0…1, around `mean`; (channels,) each."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
