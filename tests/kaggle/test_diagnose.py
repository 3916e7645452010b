"""The reasons of failed kernels, from pulmo's own messages and from others."""

import json
from pathlib import Path

import pytest

from pulmo.commands.run import Request, run_stage
from pulmo.competition import find_competition
from pulmo.errors import UserError
from pulmo.kaggle import runtime
from pulmo.kaggle.diagnose import diagnose
from pulmo.kaggle.resource_monitor import ResourceUse

FAILED = ResourceUse(seconds=1.0, memory_bytes=1, disk_bytes=1, exit_code=1, stopped_for="")


def reason(log: str) -> str:
    return diagnose("here", FAILED, f"a line before\n{log}\n").what


def test_a_wheel_that_is_not_there(tmp_path: Path) -> None:
    package = {"name": "no-such-package", "version": "1.0", "modules": ["pulmo_no_such_package"]}
    (tmp_path / "index.json").write_text(json.dumps([package]))
    with pytest.raises(UserError) as caught:
        runtime.install_missing(tmp_path)
    assert reason(str(caught.value)).startswith(
        "no-such-package==1.0 is not in Kaggle's image, and the dataset has no wheel of it for Python 3."
    )


def test_an_absolute_path(tmp_path: Path) -> None:
    nowhere = tmp_path / "data"
    with pytest.raises(UserError) as caught:
        run_stage(Request(find_competition("osic"), nowhere), "features")
    assert reason(str(caught.value)) == f"it reads the absolute path {nowhere}, which Kaggle does not have"


@pytest.mark.parametrize(
    "line",
    [
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8.00 GiB",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor",
    ],
)
def test_out_of_memory(line: str) -> None:
    assert reason(line) == "it ran out of memory"


def test_an_unknown_failure_is_quoted() -> None:
    assert reason("ValueError: two") == "it ended with exit code 1: ValueError: two"
    assert reason("/kaggle/input/a: there is no such folder. Put it there.").startswith(
        "it ended with exit code 1: /kag"
    )
