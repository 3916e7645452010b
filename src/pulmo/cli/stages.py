"""The commands that run stages, all with the same options."""

from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand

from pulmo.cli.options import (
    Cluster,
    Config,
    Data,
    Device,
    Json,
    Model,
    Out,
    Preset,
    Quiet,
    Replace,
    RunName,
    RunSeed,
    Set,
    Work,
)
from pulmo.competition import DEFAULT_PRESET, Competition, StageSpec

if TYPE_CHECKING:
    from click import Context, HelpFormatter


def add_stage_commands(group: typer.Typer, competition: Competition) -> None:
    """`run`, `cv` and each stage."""
    _add_command(group, competition, "run", "Run all stages: train, fit the ensemble, predict, validate.")
    cv = _stage_help("Cross-validation by the competition's protocol", competition.cv)
    _add_command(group, competition, "cv", cv)
    for spec in competition.stages:
        _add_command(group, competition, spec.name, _stage_help("One stage", spec))


def with_presets(competition: Competition) -> type[TyperCommand]:
    """A kind of command: its help of --preset lists the competition's presets, which are read only then."""

    class WithPresets(TyperCommand):
        def format_help(self, ctx: "Context", formatter: "HelpFormatter") -> None:
            for option in self.params:
                if option.name == "preset":
                    option.help = f"Preset of settings: {', '.join(competition.presets)}."  # type: ignore[attr-defined]
            super().format_help(ctx, formatter)

    return WithPresets


def _add_command(group: typer.Typer, competition: Competition, name: str, summary: str) -> None:
    def command(
        data: Data = None,
        out: Out = None,
        work: Work = None,
        run: RunName = None,
        preset: Preset = DEFAULT_PRESET,
        config: Config = None,
        overrides: Set = None,
        seed: RunSeed = None,
        replace: Replace = False,
        cluster: Cluster = None,
        device: Device = "auto",
        model: Model = None,
        as_json: Json = False,
        quiet: Quiet = False,
    ) -> None:
        from pulmo.commands.run import Request, run_and_show, run_cv, run_stage

        if model is not None and name != "predict":
            raise typer.BadParameter("only predict takes a model", param_hint="--model")
        request = Request(
            competition,
            data=data,
            out=out,
            work=work,
            run=run,
            preset=preset,
            config=config,
            overrides=tuple(overrides or ()),
            seed=seed,
            replace=replace,
            cluster=cluster,
            device=device,
            model=model,
            json=as_json,
        )
        if name == "run":
            run_and_show(request)
        elif name == "cv":
            run_cv(request)
        else:
            run_stage(request, name)

    group.command(name, cls=with_presets(competition), help=summary)(command)


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
