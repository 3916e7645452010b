"""RSNA runs small enough for a test."""

from pathlib import Path

from pulmo.competition import find_competition
from pulmo.competitions.rsna.settings import Settings
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run
from pulmo.pipeline.settings import load_settings

CONFIG = Path(__file__).parents[3] / "src/pulmo/competitions/rsna/config.toml"
FAMILIES = ("train_lungs", "train_classifier", "train_segmenter", "train_detector")
TINY = {
    "folds": "2",
    "base_filters": "4",
    "depth": "1",
    "output_stride": "1",
    "epochs": "2",
    "steps": "2",
    "batch": "4",
}
FLIPS = {"lungs": False, "classifier": True, "segmenter": False, "detector": False}
"""Test-time augmentation by family: not that of every default."""
SMALL = (
    "features.folds=2",
    "features.pixels=32",
    # Small ones: an encoder of fifty layers takes most of a minute to build and to compile.
    "train_classifier.network=unet",
    "train_segmenter.network=unet",
    "train_detector.network=plain",
    *(f"{family}.{key}={value}" for family in FAMILIES[:3] for key, value in TINY.items()),
    *(f"train_{family}.tta_flip={str(flip).lower()}" for family, flip in FLIPS.items()),
    *(f"train_detector.{key}={value}" for key, value in {**TINY, "depth": "3"}.items() if key != "output_stride"),
)


def settings_of(*overrides: str) -> Settings:
    return load_settings(Settings, CONFIG.read_text(), overrides=[*SMALL, *overrides])


def run_of(data: Path, work: Path, *overrides: str, seed: int = 0) -> Run:
    """A run on `data` with two folds and networks that learn next to nothing."""
    competition = find_competition("rsna")
    paths = RunPaths.of("rsna", "test", data, work, work / "out")
    return Run(competition, paths, settings_of(*overrides), seed, device="cpu")
