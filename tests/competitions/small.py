"""A complete competition without images, small enough to read: what a test breaks in it, `pulmo small check` names."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import pulmo.competitions
from pulmo.competition import Competition, find_competition
from pulmo.pipeline.fingerprint import digest_code

FILES = {
    "__init__.py": """
from pulmo.competition import ALL_SETTINGS, Competition, StageSpec

COMPETITION = Competition(
    name="small", title="Means", kaggle_slug="small-means", submission_columns=("id", "value"),
    metric="squared error", greater_is_better=False,
    stages=(
        StageSpec("features", "values read", data=("train.csv",), writes=("values",)),
        StageSpec("fit_ensemble", "their mean", reads=("features/values",), writes=("model", "estimate")),
        StageSpec("predict", "the mean", data=("sample_submission.csv",), reads=("fit_ensemble/model",),
                  writes=("submission",)),
    ),
    cv=StageSpec("cv", "nothing", reads=("features/values",), writes=("table", "scores"), settings=ALL_SETTINGS),
)
""",
    "config.toml": """
[features]
factor = 1.0
[fit_ensemble]
[predict]
[presets.demo.features]
factor = 2.0
""",
    "settings.py": """
from pulmo.pipeline.settings import Section

class Features(Section):
    factor: float

class Nothing(Section):
    pass

class Settings(Section):
    features: Features
    fit_ensemble: Nothing
    predict: Nothing
""",
    "features.py": """
import pandas as pd

def run(stage, settings):
    stage.write("values", pd.read_csv(stage.data / "train.csv"))
""",
    "fit_ensemble.py": """
import json

def run(stage, settings):
    mean = float(stage.read("features/values")["value"].mean())
    estimate = {"score": 1.0, "standard_error": 0.1, "folds": [], "parts": {"high": 2.0}}
    record = json.dumps({"mean": mean, "estimate": estimate})
    (stage.folder("model") / "ensemble.json").write_text(record)
    stage.write("estimate", estimate)
""",
    "predict.py": """
import json
import pandas as pd

def run(stage, settings):
    mean = json.loads((stage.input("fit_ensemble/model") / "ensemble.json").read_text())["mean"]
    stage.write_csv("submission", pd.read_csv(stage.data / "sample_submission.csv").assign(value=mean))
""",
    "cv.py": """
def run(stage, settings):
    pass
""",
    "submission.py": """
import pandas as pd

from pulmo.protocols import BlendParameter, Patients
from pulmo.scoring.tables import read_table

BLEND_PARAMETERS = {"shift": BlendParameter(0.0, (0.0, 1.0))}

def check_predictions(submission):
    return []

def patients(table, data):
    return Patients(table["id"].str[0], ("the first letter is the patient",))

def read_solution(path):
    return read_table(path, ("id", "value")).astype({"value": float})

def score(solution, submission, row_id_column_name):
    both = solution.merge(submission, on=row_id_column_name)
    return float(((both["value_x"] - both["value_y"].astype(float)) ** 2).mean())

def score_parts(solution, submission, row_id_column_name):
    parts = {"high": solution["value"] > 5, "low": solution["value"] <= 5, "none": solution["value"] > 99}
    return {name: score(solution[rows], submission, row_id_column_name) for name, rows in parts.items()}

def blend(tables, weights, shift=0.0):
    values = sum(weight * table["value"].astype(float) for table, weight in zip(tables, weights, strict=True))
    return tables[0].assign(value=values / sum(weights) + shift)
""",
}
PHANTOM = """
from dataclasses import dataclass

@dataclass(frozen=True)
class PhantomSettings:
    rows: int = 4
    seed: int = 0

def write_phantom(folder, solution, settings=None, progress=None):
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text("id,value\\na1,2\\nb1,4\\n")
    (folder / "sample_submission.csv").write_text("id,value\\nc1,0\\nd1,0\\n")
    solution.write_text("id,value\\nc1,3\\nd1,9\\n")
"""


class Small:
    """Writes the competition `small`, with changes, where it is found while a test lasts."""

    def __init__(self, packages: Path) -> None:
        self._folder = packages / "small"

    def make(self, changes: Mapping[str, str | None] | None = None) -> Competition:
        """The competition with some files in place of its own; None leaves a file out."""
        self._folder.mkdir(parents=True)
        for name, text in {**FILES, **(changes or {})}.items():
            path = self._folder / name
            path.parent.mkdir(exist_ok=True)
            if text is not None:
                path.write_text(text)
        return find_competition("small")

    def with_replaced(self, file: str, old: str, new: str) -> Competition:
        """The competition with one piece of text of one file replaced."""
        assert old in FILES[file]
        return self.make({file: FILES[file].replace(old, new)})


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """See `Small`; nothing of it is left behind."""
    monkeypatch.setattr(pulmo.competitions, "__path__", [*pulmo.competitions.__path__, str(tmp_path / "packages")])
    digest_code.cache_clear()
    yield Small(tmp_path / "packages")
    digest_code.cache_clear()
    for name in [name for name in sys.modules if name.startswith("pulmo.competitions.small")]:
        del sys.modules[name]
