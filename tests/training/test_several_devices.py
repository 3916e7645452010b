"""Two devices train as one does, under TensorFlow; under JAX see tests/backends.py."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize("kind", ["masks", "boxes", "labels", "volumes"])
def test_losses_are_those_of_one_device(kind: str) -> None:
    # In a process of its own: logical devices are made before TensorFlow starts.
    command = [sys.executable, "-m", "tests.training.several_devices", kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, pairs in json.loads(done.stdout.splitlines()[-1]).items():
        one, two = zip(*pairs, strict=True)
        assert two == pytest.approx(one, rel=1e-4), name
