"""What a volume's stored numbers mean: told apart from the networks, for who reads scans should not load Keras."""

from typing import NamedTuple


class IntensityScale(NamedTuple):
    """What the stored values `low`…`high` of each channel mean: 0…1, around `mean`; (channels,) each."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
