"""The command line: commands, options and help texts."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import typer

from pulmo.competition import Accelerator, Competition, StageSpec, competition_names, find_competition

# The modules behind the commands are imported inside them, so that `score` does not load what `run` needs.

LARGEST_SEED = 32_767
"""Seeds of nested folds are derived from it and must stay below 2³²."""

Json = Annotated[bool, typer.Option("--json", help="Print the result, or all faults, as JSON.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of Kaggle's files. Default: data/<slug>.", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Folder for submission.csv and score.json. Default: submissions/<name>/<run>.", show_default=False
    ),
]
Work = Annotated[
    Path | None,
    typer.Option("--work", help="Folder for intermediate results. Default: work/<name>/<run>.", show_default=False),
]
RunName = Annotated[str | None, typer.Option("--run", help="Name of the run. Default: the preset.", show_default=False)]
Preset = Annotated[str, typer.Option("--preset", help="Preset of settings in config.toml: demo, fast, full …")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a setting: section.key=value. May be repeated.", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Random seed.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", help="Address of a Dask scheduler that reads the scans: tcp://host:port.", show_default=False
    ),
]
Device = Annotated[Literal["auto", "cpu", "gpu"], typer.Option("--device", help="Device for training and prediction.")]
Model = Annotated[
    Path | None,
    typer.Option("--model", help="Folder of a trained model. Only for predict.", show_default=False),
]
Train = Annotated[bool, typer.Option("--train", help="The training kernel instead of the inference kernel.")]
Submission = Annotated[Path, typer.Argument(help="Submission file (CSV).", show_default=False)]

app = typer.Typer(
    help="Kaggle's chest-imaging competitions: from raw files to a validated submission with a cross-validated score.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def demo(
    names: Annotated[list[str] | None, typer.Argument(help="Competitions. Default: all.", show_default=False)] = None,
    seed: Seed = 0,
) -> None:
    """Run every stage of every competition on phantom data and print one score table."""
    from pulmo.commands.demo import run_demo

    run_demo(names or [], seed)


@app.command()
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

    commands = [command.name or str(getattr(command.callback, "__name__", "")) for command in app.registered_commands]
    make_competition(name, title, slug, commands)


@app.command()
def doctor(
    kaggle: Annotated[
        bool, typer.Option("--kaggle", help="Compare the installed packages with Kaggle's image.")
    ] = False,
) -> None:
    """Check versions, devices, decoders and disk, with a remedy for what does not work."""
    from pulmo.commands.doctor import compare_with_kaggle, examine

    if kaggle:
        compare_with_kaggle()
    else:
        examine()


@app.command()
def scan(
    folder: Annotated[Path, typer.Argument(help="Folder of one CT series.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the figures. Default: work/scan/<folder>.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure one CT series: geometry, lung volumes, Hounsfield statistics, figures."""
    from pulmo.commands.scan import scan_folder

    scan_folder(folder, out, as_json)


@app.command()
def submissions(
    plot: Annotated[bool, typer.Option("--plot", help="Plot local estimates against Kaggle's scores.")] = False,
    as_json: Json = False,
) -> None:
    """List all submissions with their local estimates and Kaggle's scores."""
    from pulmo.commands.submissions import show_submissions

    show_submissions(as_json, plot)


@app.command("report")
def report_index(
    out: Annotated[
        Path | None, typer.Option(help="HTML file to write. Default: submissions/index.html.", show_default=False)
    ] = None,
) -> None:
    """Write an index page of all runs with their scores and links to their report pages."""
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
        """Check a submission against Kaggle's format."""
        from pulmo.commands.score import validate_file

        validate_file(competition, submission, sample, as_json)

    @group.command()
    def score(
        submission: Submission,
        solution: Annotated[Path, typer.Option(help="File of the true answers.", show_default=False)],
        subset: Annotated[bool, typer.Option("--subset", help="Score only the ids that both files have.")] = False,
        as_json: Json = False,
    ) -> None:
        """Score a submission with Kaggle's metric; the last line is the score alone."""
        from pulmo.commands.score import score_file

        score_file(competition, submission, solution, subset, as_json)

    @group.command()
    def blend(
        submissions: Annotated[list[Path], typer.Argument(help="Submission files.", show_default=False)],
        out: Annotated[Path, typer.Option(help="File to write.", show_default=False)],
        weights: Annotated[
            str | None, typer.Option(help="One weight for each file: 0.7,0.3. Default: equal.", show_default=False)
        ] = None,
        solution: Annotated[
            Path | None,
            typer.Option(
                help="Fit weights and parameters on half of the patients, score them on the others.", show_default=False
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

    @group.command()
    def check(
        data: Data = None,
        preset: Preset = "full",
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
    def report(
        data: Data = None,
        run: RunName = None,
        work: Work = None,
        out: Annotated[
            Path | None,
            typer.Option(help="HTML file to write. Default: submissions/<name>/<run>/report.html.", show_default=False),
        ] = None,
    ) -> None:
        """Write a report page of a run: data, preprocessing, training, results and errors."""
        from pulmo.commands.report import write_report
        from pulmo.commands.run import Request

        print(write_report(Request(competition, data=data, run=run, work=work), out))

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
            typer.Option(help="Kaggle's sample submission. Default: the one in data/<slug>.", show_default=False),
        ] = None,
        resend: Annotated[bool, typer.Option("--resend", help="Send the file again even if Kaggle has it.")] = False,
    ) -> None:
        """Validate a submission, send it, wait for its score, and record it in the ledger."""
        from pulmo.commands.submissions import submit_file

        submit_file(competition, submission, message, kernel_version, sample, resend)

    group.add_typer(_kernel_app(competition), name="kernel")
    _add_pipeline_command(group, competition, "run", "Run all stages: train, fit the ensemble, predict, validate.")
    _add_pipeline_command(
        group, competition, "cv", _stage_help("Cross-validation by the competition's protocol", competition.cv)
    )
    for spec in competition.stages:
        _add_pipeline_command(group, competition, spec.name, _stage_help("One stage", spec))
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
        data: Annotated[
            Path | None,
            typer.Option(
                help="With --train: folder whose files of your own, such as nih_patients.csv, go along. "
                "Default: data/<slug>.",
                show_default=False,
            ),
        ] = None,
    ) -> None:
        """Build the script with the package inside, and the dataset with the model and the wheels."""
        from pulmo.commands.kernel import BuildRequest, build_kernel

        build_kernel(competition, BuildRequest(train, run, owner, accelerator, docker_image, data))

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


def _stage_help(title: str, spec: StageSpec) -> str:
    """The help text of a stage's command: what it makes, reads and writes."""
    files = [f"{name} (optional)" if name in spec.optional else name for name in spec.data]
    lists = {
        "Kaggle's files": ["all in the data folder" if name == "." else name for name in files],
        "Reads": spec.reads,
        "Writes": [f"{spec.name}/{name}" for name in spec.writes],
    }
    return "\n\n".join(
        [f"{title}: {spec.summary}.", *(f"{key}: {', '.join(lists[key])}" for key in lists if lists[key])]
    )


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
