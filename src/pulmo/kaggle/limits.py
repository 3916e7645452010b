"""Kaggle's limits: the competition's own from `kernels/<name>/limits.toml`, elsewhere what is known of its machines."""

import tomllib
from typing import NamedTuple

from pulmo.competition import Competition
from pulmo.errors import Fault, UserError
from pulmo.kaggle.folders import KERNELS

KNOWN, ASSUMED = "known", "assumed"


class Limit(NamedTuple):
    """How much there is of something, its unit, and whether that is known or assumed."""

    amount: float
    unit: str
    certainty: str


# Measured on Kaggle's machines by others, or told in its forum; no page of Kaggle's promises them.
GENERAL = {
    "cpu_hours": Limit(9, "h", ASSUMED),
    "gpu_hours": Limit(9, "h", ASSUMED),
    "memory_gb": Limit(30, "GB", ASSUMED),
    "output_gb": Limit(20, "GB", ASSUMED),
    "script_mb": Limit(1, "MB", ASSUMED),
    "dataset_gb": Limit(200, "GB", ASSUMED),
}


def limits_of(competition: Competition) -> dict[str, Limit]:
    """The limits that hold in a competition, by the names in `GENERAL`.

    Raises:
        UserError: its `limits.toml` names another one.
    """
    path = KERNELS / competition.name / "limits.toml"
    own = tomllib.loads(path.read_text()) if path.is_file() else {}
    if unknown := sorted(set(own) - set(GENERAL)):
        raise UserError(Fault(str(path), f"{unknown[0]!r} is no limit", f"Choose from {', '.join(GENERAL)}"))
    known = {name: Limit(float(amount), GENERAL[name].unit, KNOWN) for name, amount in own.items()}
    return {**GENERAL, **known}
