from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from pulmo.errors import CommandLineError
from pulmo.pipeline.paths import RunPaths


@pytest.mark.parametrize("name", ["full", "a", "2024-05.v1_b", "_x", "console", "a" * 100])
def test_plain_names_name_a_runs_folders(name: str) -> None:
    paths = RunPaths.of("osic", name, Path("data"))
    assert (paths.work, paths.out) == (Path("work/osic") / name, Path("submissions/osic") / name)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../evil", "/tmp/x", "a/b", "a\\b", "a b", "a.", ".hidden", "-x", "é", "a\n", "$x", "~"),
        *("con", "NUL.txt", "com1", "a" * 101),
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(CommandLineError, match="not a plain folder name"):
        RunPaths.of("osic", name, Path("data"))


def test_stages_and_unfinished_stages_lie_in_the_runs_folder() -> None:
    """The digest's first sixteen digits name an unfinished stage."""
    paths = RunPaths.of("osic", "full", Path("data"), work=Path("elsewhere"))
    assert paths.stage("features") == Path("elsewhere/features")
    assert paths.partial("features", "0123456789abcdef" * 4) == Path("elsewhere/features.0123456789abcdef.partial")


def test_the_folders_of_a_run_stay_what_they_are() -> None:
    paths = RunPaths.of("osic", "full", Path("data"))
    with pytest.raises(FrozenInstanceError):
        paths.work = Path("elsewhere")  # type: ignore[misc]
