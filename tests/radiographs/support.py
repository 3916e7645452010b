"""A stage for tests that make one by hand, and a reader of a format that only tests have."""

import json
from pathlib import Path

import numpy as np
import pytest

from pulmo.competition import StageSpec
from pulmo.errors import Fault, ScanError
from pulmo.imaging.radiograph import Radiograph, RadiographHeader
from pulmo.pipeline.stage import CHECKPOINTS, Stage
from tests.support import map_here


def stage_of(data: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage that may write `images`, in this process."""
    monkeypatch.setattr("pulmo.pipeline.stage.map_items", map_here)
    (workspace / CHECKPOINTS).mkdir(parents=True)
    return Stage(StageSpec("features", "a test's", writes=("images",)), 0, data, {}, workspace)


def read_json_image(path: Path) -> Radiograph:
    """Rows of grey levels in a JSON file."""
    try:
        grey = np.array(json.loads(path.read_text()), np.uint8)
    except ValueError as reason:
        raise ScanError(Fault(str(path), f"is no JSON ({reason})", "Write it again")) from reason
    return Radiograph(grey, RadiographHeader(None, None, None, None, None, len(grey), grey.shape[1], None))
