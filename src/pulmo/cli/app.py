"""The whole command line: the commands that belong to no competition, and a group of commands for each competition."""

from functools import cache
from pathlib import Path
from typing import Annotated, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from pulmo import __version__
from pulmo.cli.competition import competition_app
from pulmo.cli.options import Json, Quiet, Seed, path
from pulmo.competition import competition_names, find_competition


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"pulmo {__version__}")
        raise typer.Exit


_app = typer.Typer(
    help="Kaggle's chest-imaging competitions: from raw files to a validated submission with a cross-validated score.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@_app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print pulmo's version.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Options of all commands."""


@_app.command()
def demo(
    names: Annotated[list[str] | None, typer.Argument(help="Competitions. Default: all.", show_default=False)] = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Run every stage of every competition on phantom data and print one score table."""
    from pulmo.commands.demo import run_demo

    run_demo(names or [], seed)


@_app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of its folder and command.", show_default=False)],
    title: Annotated[str | None, typer.Option(help="Title. Default: from the name.", show_default=False)] = None,
    slug: Annotated[
        str | None,
        typer.Option(help="Its address is kaggle.com/competitions/SLUG. Default: the name.", show_default=False),
    ] = None,
) -> None:
    """Add a competition: a small one that works, to be changed."""
    from pulmo.commands.new import make_competition

    commands = [command.name or str(getattr(command.callback, "__name__", "")) for command in _app.registered_commands]
    make_competition(name, title, slug, commands)


@_app.command()
def doctor(
    kaggle: Annotated[
        bool, typer.Option("--kaggle", help="Compare the installed packages with Kaggle's image.")
    ] = False,
) -> None:
    """Check versions, devices, decoders, credentials, disk and memory, with a remedy for what does not work."""
    from pulmo.commands.doctor import compare_with_kaggle, examine

    if kaggle:
        compare_with_kaggle()
    else:
        examine()


@_app.command()
def scan(
    folder: Annotated[Path, typer.Argument(parser=path, help="Folder of one CT series.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(parser=path, help="Folder for the figures. Default: work/scan/<folder>.", show_default=False),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(parser=path, help="Write the lungs, 1 left and 2 right: .nii.gz or .npz.", show_default=False),
    ] = None,
    volume: Annotated[
        Path | None,
        typer.Option(parser=path, help="Write the scan in Hounsfield units: .nii.gz or .npz.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure one CT series: geometry, lung volumes, Hounsfield statistics, figures; export it and its lungs."""
    from pulmo.commands.scan import Exports, scan_folder

    scan_folder(folder, out, Exports(mask, volume), as_json)


@_app.command()
def xray(
    source: Annotated[
        Path,
        typer.Argument(
            parser=path, metavar="PATH", help="X-ray (DICOM, PNG or JPEG), or a folder of them.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(parser=path, help="Folder for masks and overlays. Default: work/xray/<name>.", show_default=False),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment the lungs in chest X-rays: masks, areas of left and right, overlays."""
    from pulmo.commands.xray import segment_files

    segment_files(source, out, as_json)


@_app.command()
def submissions(
    plot: Annotated[bool, typer.Option("--plot", help="Plot local estimates against Kaggle's scores.")] = False,
    as_json: Json = False,
) -> None:
    """List all submissions with their local estimates and Kaggle's scores."""
    from pulmo.commands.submissions import show_submissions

    show_submissions(as_json, plot)


@_app.command()
def runs(
    name: Annotated[str | None, typer.Argument(help="Competition. Default: all.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """List all runs: settings, estimates, other scores, and the paired difference from the best."""
    from pulmo.commands.runs import show_runs

    show_runs(name, as_json)


@_app.command("report")
def report_index(
    out: Annotated[
        Path | None,
        typer.Option(parser=path, help="HTML file to write. Default: submissions/index.html.", show_default=False),
    ] = None,
) -> None:
    """Write an index page of all runs with their scores and links to their report pages."""
    from pulmo.commands.report import write_index

    print(write_index(out))


@cache
def command_line() -> TyperGroup:
    """The whole command line, a group for each competition there is a folder for."""
    whole = cast(TyperGroup, get_command(_app))
    for name in competition_names():
        whole.add_command(get_group(competition_app(find_competition(name))))
    return whole
