"""The commands, their options and their help, and nothing else."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import typer

from pulmo.competition import Accelerator, Competition, competition_names, find_competition

# The modules behind the commands are imported inside them, so that `score` does not wait for what `run` needs.

LARGEST_SEED = 32_767
"""The seeds of folds within folds, which follow from it, are below 2³²."""

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON; of faults, all.")]
Data = Annotated[Path | None, typer.Option("--data", help="Kaggle's files. Default: data/<slug>.", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Where submission.csv and score.json go. Default: submissions/<name>/<run>.", show_default=False
    ),
]
Work = Annotated[
    Path | None,
    typer.Option("--work", help="What the stages make. Default: work/<name>/<run>.", show_default=False),
]
RunName = Annotated[
    str | None, typer.Option("--run", help="The run's name. Default: the preset's.", show_default=False)
]
Preset = Annotated[str, typer.Option("--preset", help="A named block of settings in config.toml.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Replace a setting: section.key=value. May be repeated.", show_default=False),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Random seed: the same one gives the same results.")
]
Cluster = Annotated[
    str | None, typer.Option("--cluster", help="A Dask scheduler for the scans: tcp://host:port.", show_default=False)
]
Device = Annotated[Literal["auto", "cpu", "gpu"], typer.Option("--device", help="Where networks are trained.")]
Model = Annotated[
    Path | None,
    typer.Option("--model", help="predict only: a trained model/ from anywhere.", show_default=False),
]
Train = Annotated[bool, typer.Option("--train", help="The kernel that trains; without it, the one that predicts.")]
Submission = Annotated[Path, typer.Argument(help="A submission.csv.", show_default=False)]

app = typer.Typer(
    help="Kaggle's chest-imaging competitions: raw files in, a validated submission and an honest score out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def demo(
    names: Annotated[list[str] | None, typer.Argument(help="Competitions. Default: all.", show_default=False)] = None,
    seed: Seed = 0,
) -> None:
    """Every stage of every competition on phantom data, and one score table."""
    from pulmo.commands.demo import run_demo

    run_demo([find_competition(name) for name in names or competition_names()], seed)


@app.command()
def doctor(
    kaggle: Annotated[bool, typer.Option("--kaggle", help="How the packages here differ from Kaggle's image.")] = False,
) -> None:
    """Versions, devices, decoders, disk: what works here, and what to do about the rest."""
    from pulmo.commands.doctor import compare_with_kaggle, examine

    if kaggle:
        compare_with_kaggle()
    else:
        examine()


@app.command()
def scan(
    folder: Annotated[Path, typer.Argument(help="The folder of one CT series.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Where the pictures go. Default: work/scan/<folder>.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """One CT series: geometry, lung volumes, Hounsfield statistics, pictures."""
    from pulmo.commands.scan import scan_folder

    scan_folder(folder, out, as_json)


@app.command()
def submissions(
    plot: Annotated[bool, typer.Option("--plot", help="Draw our estimates against Kaggle's scores.")] = False,
    as_json: Json = False,
) -> None:
    """The ledger: what was sent, what we expected of it, what Kaggle said."""
    from pulmo.commands.submissions import show_submissions

    show_submissions(as_json, plot)


@app.command("report")
def report_index(
    out: Annotated[
        Path | None, typer.Option(help="The HTML file. Default: submissions/index.html.", show_default=False)
    ] = None,
) -> None:
    """A page with every run and its score, and the way to its own page."""
    from pulmo.commands.report import write_index

    print(write_index(out))


def _competition_app(competition: Competition) -> typer.Typer:
    group = typer.Typer(help=competition.title, no_args_is_help=True)

    @group.command()
    def validate(
        submission: Submission,
        sample: Annotated[Path, typer.Option(help="Kaggle's sample submission.", show_default=False)],
        as_json: Json = False,
    ) -> None:
        """Check a submission against Kaggle's format; the faults are named."""
        from pulmo.commands.score import validate_file

        validate_file(competition, submission, sample, as_json)

    @group.command()
    def score(
        submission: Submission,
        solution: Annotated[Path, typer.Option(help="The true answers.", show_default=False)],
        subset: Annotated[bool, typer.Option("--subset", help="Score the ids that both have.")] = False,
        as_json: Json = False,
    ) -> None:
        """Kaggle's own metric; the score stands alone on the last line."""
        from pulmo.commands.score import score_file

        score_file(competition, submission, solution, subset, as_json)

    @group.command()
    def blend(
        submissions: Annotated[list[Path], typer.Argument(help="Submission files.", show_default=False)],
        out: Annotated[Path, typer.Option(help="The file to write.", show_default=False)],
        weights: Annotated[
            str | None, typer.Option(help="One a file: 0.7,0.3. Default: equal.", show_default=False)
        ] = None,
        solution: Annotated[
            Path | None,
            typer.Option(help="Fit weights and parameters on half of it, judge them on the other.", show_default=False),
        ] = None,
        subset: Annotated[bool, typer.Option("--subset", help="Use the ids that all have.")] = False,
        parameters: Annotated[
            list[str] | None,
            typer.Option("--set", help="A parameter of the blend: name=value. May be repeated.", show_default=False),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Combine several submissions, or adjust the parameters of one."""
        from pulmo.commands.score import BlendRequest, blend_files

        blend_files(competition, BlendRequest(submissions, out, weights, solution, subset, parameters or (), as_json))

    @group.command()
    def report(
        data: Data = None,
        run: RunName = None,
        work: Work = None,
        out: Annotated[
            Path | None,
            typer.Option(help="The HTML file. Default: submissions/<name>/<run>/report.html.", show_default=False),
        ] = None,
    ) -> None:
        """One page to look at: the data, the training, the results and the errors of a run."""
        from pulmo.commands.report import write_report
        from pulmo.commands.run import Request

        print(write_report(Request(competition, data=data, run=run, work=work), out))

    @group.command()
    def download(data: Data = None) -> None:
        """Kaggle's files of the competition, unpacked and counted."""
        from pulmo.commands.submissions import download_data

        download_data(competition, data)

    @group.command()
    def submit(
        submission: Submission,
        message: Annotated[str, typer.Option("-m", "--message", help="What is new in it.", show_default=False)],
        kernel_version: Annotated[
            int | None,
            typer.Option(help="Code competitions: the pushed kernel's version that made the file.", show_default=False),
        ] = None,
        sample: Annotated[
            Path | None,
            typer.Option(help="Kaggle's sample submission. Default: the one in data/<slug>.", show_default=False),
        ] = None,
        resend: Annotated[
            bool, typer.Option("--resend", help="Send the file although Kaggle has it, or may have it.")
        ] = False,
    ) -> None:
        """Validate a file, send it, wait for its score, and note it in the ledger."""
        from pulmo.commands.submissions import submit_file

        submit_file(competition, submission, message, kernel_version, sample, resend)

    group.add_typer(_kernel_app(competition), name="kernel")
    _add_pipeline_command(group, competition, "run", "All stages: train, fit the ensemble, predict, validate.")
    _add_pipeline_command(group, competition, "cv", f"Cross-validation by protocol: {competition.cv.summary}.")
    for spec in competition.stages:
        _add_pipeline_command(group, competition, spec.name, f"One stage: {spec.summary}")
    return group


def _kernel_app(competition: Competition) -> typer.Typer:
    group = typer.Typer(help="The solution as a Kaggle kernel: build, rehearse locally, push.", no_args_is_help=True)

    @group.command()
    def build(
        train: Train = False,
        run: Annotated[
            str | None, typer.Option("--run", help="Run of the model. Default: the newest.", show_default=False)
        ] = None,
        owner: Annotated[
            str | None, typer.Option(help="Your name on Kaggle. Default: from the credentials.", show_default=False)
        ] = None,
        accelerator: Annotated[
            Accelerator | None,
            typer.Option(
                help=f"Kaggle's machine; NvidiaTeslaT4 has two T4s. Default: {competition.kernel.accelerator}.",
                show_default=False,
            ),
        ] = None,
        docker_image: Annotated[
            str,
            typer.Option(
                help="Kaggle's image: gcr.io/kaggle-images/python@sha256:…. Default: that of the first push.",
                show_default=False,
            ),
        ] = "",
    ) -> None:
        """Build the script with the package inside, and the dataset with the model and the wheels."""
        from pulmo.commands.kernel import BuildRequest, build_kernel

        build_kernel(competition, BuildRequest(train, run, owner, accelerator, docker_image))

    @group.command()
    def rehearse(
        train: Train = False,
        data: Annotated[
            Path | None,
            typer.Option(help="Training data to cut a hidden test set from. Default: demo data.", show_default=False),
        ] = None,
        python: Annotated[
            str | None, typer.Option(help="The interpreter. Default: python3.12, else this one.", show_default=False)
        ] = None,
    ) -> None:
        """Run the built kernel as Kaggle would, on a hidden test set within Kaggle's limits, and score it."""
        from pulmo.commands.kernel import rehearse_kernel

        rehearse_kernel(competition, train, data, python)

    @group.command()
    def push(train: Train = False) -> None:
        """Push dataset and kernel, wait until it has run on Kaggle, and fetch its output."""
        from pulmo.commands.kernel import push_kernel

        push_kernel(competition, train)

    return group


def _add_pipeline_command(group: typer.Typer, competition: Competition, name: str, summary: str) -> None:
    def command(
        data: Data = None,
        out: Out = None,
        work: Work = None,
        run: RunName = None,
        preset: Preset = "full",
        overrides: Set = None,
        seed: Seed = 0,
        cluster: Cluster = None,
        device: Device = "auto",
        model: Model = None,
        as_json: Json = False,
    ) -> None:
        from pulmo.commands.run import Request, run_and_show, run_cv, run_stage

        if model is not None and name != "predict":
            raise typer.BadParameter("only predict takes a model", param_hint="--model")
        request = Request(
            competition, data, out, work, run, preset, tuple(overrides or ()), seed, cluster, model, as_json, device
        )
        if name == "run":
            run_and_show(request)
        elif name == "cv":
            run_cv(request)
        else:
            run_stage(request, name)

    group.command(name, help=summary)(command)


@cache
def build_app() -> typer.Typer:
    """The whole command line, a group for each competition there is a folder for."""
    for name in competition_names():
        app.add_typer(_competition_app(find_competition(name)), name=name)
    return app
