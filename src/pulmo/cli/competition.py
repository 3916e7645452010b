"""The commands of a competition: submissions, data, runs."""

from pathlib import Path
from typing import Annotated

import typer

from pulmo.cli.kernel import kernel_app
from pulmo.cli.options import Config, Data, Json, NewestRun, Preset, Quiet, Set, Submission, Submissions, Work, path
from pulmo.cli.stages import add_stage_commands, with_presets
from pulmo.competition import DEFAULT_PRESET, Competition


def competition_app(competition: Competition) -> typer.Typer:
    """The commands of one competition."""
    group = typer.Typer(name=competition.name, help=competition.title, no_args_is_help=True)

    @group.command()
    def validate(
        submission: Submission,
        sample: Annotated[Path, typer.Option(parser=path, help="Kaggle's sample submission.", show_default=False)],
        as_json: Json = False,
    ) -> None:
        """Check a submission against Kaggle's format."""
        from pulmo.commands.score import validate_file

        validate_file(competition, submission, sample, as_json)

    @group.command()
    def score(
        submissions: Submissions,
        solution: Annotated[Path, typer.Option(parser=path, help="File of the true answers.", show_default=False)],
        subset: Annotated[bool, typer.Option("--subset", help="Score only the ids that both files have.")] = False,
        as_json: Json = False,
    ) -> None:
        """Score submissions with Kaggle's metric: of one, the last line is the score alone; several make a table."""
        from pulmo.commands.score import score_files

        score_files(competition, submissions, solution, subset, as_json)

    @group.command()
    def blend(
        submissions: Submissions,
        out: Annotated[Path, typer.Option(parser=path, help="File to write.", show_default=False)],
        weights: Annotated[
            str | None, typer.Option(help="One weight for each file: 0.7,0.3. Default: equal.", show_default=False)
        ] = None,
        solution: Annotated[
            Path | None,
            typer.Option(
                parser=path,
                help="Fit weights and parameters on half of the patients, score them on the others.",
                show_default=False,
            ),
        ] = None,
        subset: Annotated[bool, typer.Option("--subset", help="Use only the ids that all files have.")] = False,
        parameters: Annotated[
            list[str] | None,
            typer.Option(
                "--set", help="Set a parameter of the blend: name=value. May be repeated.", show_default=False
            ),
        ] = None,
        data: Data = None,
        as_json: Json = False,
    ) -> None:
        """Combine several submissions, or adjust the thresholds of one."""
        from pulmo.commands.score import BlendRequest, blend_files

        request = BlendRequest(submissions, out, weights, solution, subset, data, parameters or (), as_json)
        blend_files(competition, request)

    @group.command(cls=with_presets(competition))
    def check(
        data: Data = None,
        preset: Preset = DEFAULT_PRESET,
        overrides: Set = None,
        work: Work = None,
        as_json: Json = False,
    ) -> None:
        """Check the competition's code, its data, disk, memory and time before long work."""
        from pulmo.commands.check import check_competition
        from pulmo.commands.run import Request

        check_competition(
            Request(competition, data=data, work=work, preset=preset, overrides=tuple(overrides or ()), json=as_json)
        )

    @group.command()
    def download(data: Data = None) -> None:
        """Download and unpack Kaggle's files of the competition."""
        from pulmo.commands.submissions import download_data

        download_data(competition, data)

    @group.command()
    def submit(
        submission: Submission,
        message: Annotated[
            str, typer.Option("-m", "--message", help="Description of the submission.", show_default=False)
        ],
        kernel_version: Annotated[
            int | None,
            typer.Option(
                help="Code competitions: version of the pushed kernel that wrote the file.", show_default=False
            ),
        ] = None,
        sample: Annotated[
            Path | None,
            typer.Option(
                parser=path,
                help="Kaggle's sample submission. Default: the one in data/<slug>.",
                show_default=False,
            ),
        ] = None,
        resend: Annotated[bool, typer.Option("--resend", help="Send the file again even if Kaggle has it.")] = False,
    ) -> None:
        """Validate a submission, send it, wait for its score, and record it in the ledger."""
        from pulmo.commands.submissions import submit_file

        submit_file(competition, submission, message, kernel_version, sample, resend)

    _add_run_commands(group, competition)
    group.add_typer(kernel_app(competition), name="kernel")
    add_stage_commands(group, competition)
    return group


def _add_run_commands(group: typer.Typer, competition: Competition) -> None:
    """Commands about runs: what they are made with, and what came of them."""

    @group.command(cls=with_presets(competition))
    def settings(
        preset: Preset = DEFAULT_PRESET,
        config: Config = None,
        overrides: Set = None,
        as_json: Json = False,
    ) -> None:
        """Print every setting: its value in a preset, unit, range, meaning, and the presets that change it."""
        from pulmo.commands.run import Request
        from pulmo.commands.settings import show_settings

        show_settings(
            Request(competition, preset=preset, config=config, overrides=tuple(overrides or ()), json=as_json)
        )

    @group.command()
    def compare(
        first: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run.", show_default=False)],
        second: Annotated[str, typer.Argument(metavar="RUN", help="Name of another.", show_default=False)],
        as_json: Json = False,
    ) -> None:
        """Compare two runs: settings that differ, scores, and the paired difference of their out-of-fold scores."""
        from pulmo.commands.compare import compare_runs

        compare_runs(competition, (first, second), as_json)

    @group.command()
    def report(
        data: Annotated[
            Path | None,
            typer.Option(
                "--data", parser=path, help="Folder of Kaggle's files. Default: the run's own.", show_default=False
            ),
        ] = None,
        run: NewestRun = None,
        work: Work = None,
        out: Annotated[
            Path | None,
            typer.Option(
                parser=path,
                help="HTML file to write. Default: submissions/<name>/<run>/report.html.",
                show_default=False,
            ),
        ] = None,
        quiet: Quiet = False,
    ) -> None:
        """Write a report page of a run: data, preprocessing, training, results and errors."""
        from pulmo.commands.report import write_report
        from pulmo.commands.run import Request

        print(write_report(Request(competition, data=data, run=run, work=work), out))
