"""Runs of the Data Science Bowl small enough for a test."""

from pathlib import Path

from pulmo.competition import find_competition
from pulmo.competitions.dsb.settings import Settings
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run
from pulmo.pipeline.settings import load_settings

CONFIG = Path(__file__).parents[3] / "src/pulmo/competitions/dsb/config.toml"
SMALL = (
    "features.folds=2",
    "features.test_share=0.25",
    "features.size=[4,16,16]",
    "train_cnn.epochs=2",
    "train_cnn.steps=3",
    "train_cnn.stem=4",
    "train_cnn.filters=[4]",
    "train_cnn.batch=4",
    "predict.grad_cams=1",
    "cv.repeats=1",
)


def settings_of(*overrides: str) -> Settings:
    return load_settings(Settings, CONFIG.read_text(), "demo", [*SMALL, *overrides])


def run_of(data: Path, work: Path, *overrides: str, seed: int = 0) -> Run:
    """A run on `data` with a small network."""
    competition = find_competition("dsb")
    return Run(competition, RunPaths.of("dsb", "test", data, work, work / "out"), settings_of(*overrides), seed)


def words(data: Path, work: Path, out: Path, command: str = "run") -> list[str]:
    """The same as a command."""
    places = ["--data", str(data), "--work", str(work), "--out", str(out), "--preset", "demo"]
    return ["dsb", command, *places, *(word for setting in SMALL for word in ("--set", setting))]
