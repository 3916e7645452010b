"""SIIM runs small enough for a test."""

from pathlib import Path

from pulmo.competition import find_competition
from pulmo.competitions.siim.settings import Settings
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run
from pulmo.pipeline.settings import load_settings

CONFIG = Path(__file__).parents[3] / "src/pulmo/competitions/siim/config.toml"
SMALL = (
    "features.folds=2",
    "features.pixels=32",
    "train_segmenter.network=unet",  # an encoder of fifty layers takes most of a minute to build and to compile
    "train_segmenter.folds=2",
    "train_segmenter.base_filters=4",
    "train_segmenter.depth=1",
    "train_segmenter.output_stride=1",
    "train_segmenter.epochs=2",
    "train_segmenter.steps=2",
    "train_segmenter.batch=4",
)


def settings_of(*overrides: str) -> Settings:
    return load_settings(Settings, CONFIG.read_text(), overrides=[*SMALL, *overrides])


def run_of(data: Path, work: Path, *overrides: str, seed: int = 0) -> Run:
    """A run on `data` with two folds and networks that learn next to nothing."""
    competition = find_competition("siim")
    paths = RunPaths.of("siim", "test", data, work, work / "out")
    return Run(competition, paths, settings_of(*overrides), seed, device="cpu")
