"""Kaggle's limits: run times from the competition's rules, everything else from Kaggle's machines."""

from typing import NamedTuple

from pulmo.competition import Competition
from pulmo.kaggle.folders import INFER

KNOWN, ASSUMED = "known", "assumed"


class Limit(NamedTuple):
    """The largest amount allowed of a resource, its unit, and whether that is known or assumed."""

    amount: float
    unit: str
    certainty: str


# The session's hours are in Kaggle's documentation of notebooks; users measured or reported the rest.
GENERAL = {
    "cpu_hours": Limit(12, "h", KNOWN),
    "gpu_hours": Limit(12, "h", KNOWN),
    "memory_gb": Limit(30, "GB", ASSUMED),
    "output_gb": Limit(20, "GB", ASSUMED),
    "script_mb": Limit(1, "MB", ASSUMED),
    "dataset_gb": Limit(200, "GB", ASSUMED),
}


def limits_of(competition: Competition, kind: str) -> dict[str, Limit]:
    """The limits of a competition's kernel, by the names in `GENERAL`.

    The competition's rules limit the run time of submitted kernels: of `infer`, not of `train`.
    """
    if kind != INFER:
        return GENERAL
    rules = {"cpu_hours": competition.kernel.cpu_hours, "gpu_hours": competition.kernel.gpu_hours}
    return GENERAL | {name: Limit(hours, "h", KNOWN) for name, hours in rules.items() if hours is not None}


def time_limit_name(machine_shape: str) -> str:
    """The name of the limit on run time that holds on a machine, whose shape is empty without accelerator."""
    return "gpu_hours" if machine_shape else "cpu_hours"
