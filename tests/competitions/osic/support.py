"""OSIC runs small enough for a test."""

from pathlib import Path

from pulmo.competition import find_competition
from pulmo.competitions.osic.settings import Settings
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run
from pulmo.pipeline.settings import load_settings

CONFIG = Path(__file__).parents[3] / "src/pulmo/competitions/osic/config.toml"
SMALL = (
    "features.folds=3",
    "train_gbm.num_iterations=10",
    "train_gbm.min_data_in_leaf=20",
    "train_cnn.epochs=2",
    "train_cnn.steps=3",
    "train_cnn.stem=4",
    "train_cnn.filters=[4]",
    "features.slice_pixels=16",
    "features.slices=2",
    "cv.folds=3",
    "cv.repeats=1",
)


def settings_of(*overrides: str) -> Settings:
    return load_settings(Settings, CONFIG.read_text(), overrides=[*SMALL, *overrides])


def run_of(data: Path, work: Path, *overrides: str, seed: int = 0) -> Run:
    """A run on `data` with few folds and small boosters."""
    competition = find_competition("osic")
    return Run(competition, RunPaths.of("osic", "test", data, work, work / "out"), settings_of(*overrides), seed)
