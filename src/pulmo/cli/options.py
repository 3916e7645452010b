"""Options and arguments that several commands have."""

import re
from pathlib import Path
from typing import Annotated

import typer

from pulmo.files import expanded
from pulmo.pipeline.log import set_quiet

LARGEST_SEED = 32_767
"""Seeds of nested folds are derived from it and must stay below 2³²."""


def path(text: str) -> Path:
    """The path or URL that a word of the command line names; `~` is the home folder, wherever the shell leaves it."""
    return expanded(text)


def _device(text: str) -> str:
    if text not in ("auto", "cpu", "gpu") and not re.fullmatch(r"gpu:\d+(,gpu:\d+)*|cpu:\d+(,cpu:\d+)*", text):
        raise typer.BadParameter(f"{text} is none of auto, cpu, gpu, or devices such as gpu:0,gpu:1")
    return text


def _be_quiet(quiet: bool) -> bool:
    if quiet:
        set_quiet(True)
    return quiet


Json = Annotated[bool, typer.Option("--json", help="Print the result, or all faults, as JSON.")]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", callback=_be_quiet, help="No progress on stderr; notes and faults remain."),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        parser=path,
        help="Folder of Kaggle's files, or a URL: s3://bucket/prefix. Default: data/<slug>.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        parser=path,
        help="Folder for submission.csv, score.json and settings.toml. Default: submissions/<name>/<run>.",
        show_default=False,
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(
        "--work", parser=path, help="Folder for intermediate results. Default: work/<name>/<run>.", show_default=False
    ),
]
RunName = Annotated[str | None, typer.Option("--run", help="Name of the run. Default: the preset.", show_default=False)]
NewestRun = Annotated[
    str | None, typer.Option("--run", help="Name of the run. Default: the newest.", show_default=False)
]
Preset = Annotated[str, typer.Option("--preset", help="Preset of settings.")]  # its help lists a competition's presets
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        parser=path,
        help="File of settings in the place of config.toml: the settings.toml of a run.",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a setting: section.key=value. May be repeated.", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Random seed.")]
RunSeed = Annotated[
    int | None,
    typer.Option(
        "--seed", min=0, max=LARGEST_SEED, help="Random seed. Default: 0, or that of --config.", show_default=False
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", help="Address of a Dask scheduler that reads the scans: tcp://host:port.", show_default=False
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        parser=_device,
        metavar="auto|cpu|gpu|gpu:N,…",
        help="Devices for training and prediction: auto takes all GPUs, or else the CPU; gpu:0 only the first.",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option("--model", parser=path, help="Folder of a trained model. Only for predict.", show_default=False),
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Replace stages of this run that had other settings, seed or data.")
]
Train = Annotated[bool, typer.Option("--train", help="The training kernel instead of the inference kernel.")]
Submission = Annotated[
    Path, typer.Argument(parser=path, metavar="FILE", help="Submission file (CSV).", show_default=False)
]
Submissions = Annotated[
    list[Path], typer.Argument(parser=path, metavar="FILE…", help="Submission files (CSV).", show_default=False)
]
