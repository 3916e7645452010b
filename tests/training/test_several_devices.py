"""Two devices train as one does, under TensorFlow; under JAX see tests/backends.py."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pairs() -> dict[str, list[tuple[float, float]]]:
    # In a process of its own: logical devices are made before TensorFlow starts.
    command = [sys.executable, "-m", "tests.training.several_devices"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "trained", ["masks", "boxes", "labels", "volumes", "labels, odd batches", "labels, killed and resumed"]
)
def test_losses_are_those_of_one_device(trained: str, pairs: dict[str, list[tuple[float, float]]]) -> None:
    one, two = zip(*pairs[trained], strict=True)
    assert two == pytest.approx(one, rel=1e-4)
