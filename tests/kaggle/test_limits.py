"""Kaggle's limits, and those that a competition's rules put in their place."""

from dataclasses import replace

import pytest

from pulmo.competition import KernelRules, find_competition
from pulmo.kaggle.limits import GENERAL, Limit, limits_of, time_limit_name

OSIC = find_competition("osic")


def test_a_competitions_rules_limit_the_submitted_kernel() -> None:
    found = limits_of(OSIC, "infer")
    assert found["cpu_hours"] == Limit(9, "h", "known")
    assert found["gpu_hours"] == Limit(4, "h", "known")
    assert found["memory_gb"] == Limit(30, "GB", "assumed")
    assert limits_of(OSIC, "train")["gpu_hours"] == Limit(12, "h", "known")


def test_rules_that_name_no_hours_leave_the_session_s() -> None:
    found = limits_of(replace(OSIC, kernel=KernelRules(cpu_hours=2)), "infer")
    assert (found["cpu_hours"].amount, found["gpu_hours"].amount) == (2, 12)


def test_general_limits() -> None:
    amounts = {name: (limit.amount, limit.unit) for name, limit in GENERAL.items()}
    assert amounts == {
        "cpu_hours": (12, "h"),
        "gpu_hours": (12, "h"),
        "memory_gb": (30, "GB"),
        "output_gb": (20, "GB"),
        "script_mb": (1, "MB"),
        "dataset_gb": (200, "GB"),
    }


@pytest.mark.parametrize(("shape", "name"), [("", "cpu_hours"), ("NvidiaTeslaT4", "gpu_hours")])
def test_the_accelerator_decides_which_limit_on_time_holds(shape: str, name: str) -> None:
    assert time_limit_name(shape) == name
