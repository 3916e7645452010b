"""A competition's folder checked against `pulmo.protocols`, before anything is trained."""

import difflib
import importlib
import inspect
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pulmo.commands.demo import DEMO
from pulmo.competition import ALL_SETTINGS, CV_SCORES, CV_TABLE, ESTIMATE, MODEL, PREDICTED, Competition
from pulmo.errors import Fault, UserError
from pulmo.pipeline.settings import Section, load_settings
from pulmo.protocols import DataChecker, Figures, Holdout, PartedFormat, Phantom, StageModule, SubmissionFormat
from pulmo.report.sections import SECTIONS

_SUBMISSION: Mapping[str, Callable[..., Any]] = {
    "check_predictions": SubmissionFormat.check_predictions,
    "patients": SubmissionFormat.patients,
    "read_solution": SubmissionFormat.read_solution,
    "score": SubmissionFormat.score,
}
_OPTIONAL: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "hidden_test": {"write_hidden_test": Holdout.write_hidden_test},
    "phantom": {"PhantomSettings": Phantom.PhantomSettings, "write_phantom": Phantom.write_phantom},
    "figures": {"draw": Figures.draw},
    "data_check": {"check": DataChecker.check},
}


def contract_faults(competition: Competition) -> list[Fault]:
    """All that is wrong with a competition's declaration, modules, signatures and settings.

    Every module of the competition is imported, which loads the learning libraries.
    """
    return [
        *_declaration(competition),
        *_stage_graph(competition),
        *_stage_modules(competition),
        *_submission(competition),
        *_optional_modules(competition),
        *_settings(competition),
    ]


def _declaration(competition: Competition) -> Iterator[Fault]:
    """Columns, sample, and the outputs that the commands read."""
    where = _file(competition, "__init__")
    if len(competition.submission_columns) < 2:
        what = f"submission_columns are {competition.submission_columns!r}"
        yield Fault(where, what, "Name the id column and at least one other")
    stages = {spec.name: spec for spec in (*competition.stages, competition.cv)}
    for name in (MODEL, ESTIMATE, PREDICTED, CV_TABLE, CV_SCORES):
        stage, _, output = name.partition("/")
        if stage not in stages:
            yield Fault(where, f"there is no stage {stage!r}", f"Add it: the commands read its output {output!r}")
        elif output not in stages[stage].writes:
            what = f"stage {stage} does not declare that it writes {output!r}"
            yield Fault(where, what, f"Add {output!r} to its writes: the commands read it")
    predict = stages.get("predict")
    if predict is not None:
        if predict.reads != (MODEL,):
            remedy = f"Read {MODEL} alone: a kernel has nothing else"
            yield Fault(where, f"stage predict reads {', '.join(predict.reads) or 'nothing'}", remedy)
        if not {competition.sample, "."} & set(predict.data):
            what = f"stage predict does not read the sample submission {competition.sample!r}"
            yield Fault(where, what, "Add it to the stage's data, or correct the competition's sample")


def _stage_graph(competition: Competition) -> Iterator[Fault]:
    """Each stage's reads against the writes of earlier stages."""
    where = _file(competition, "__init__")
    made: dict[str, None] = {}
    names: set[str] = set()
    for spec in (*competition.stages, competition.cv):
        if spec.name in names:
            yield Fault(where, f"there are two stages {spec.name!r}", "Rename one of them")
        names.add(spec.name)
        for name in spec.reads:
            if name not in made:
                what = f"stage {spec.name} reads {name!r}, which no earlier stage writes"
                yield Fault(where, what, _nearest(name, list(made), "Outputs before it"))
        for name in spec.optional:
            if name not in spec.data:
                what = f"stage {spec.name} declares {name!r} as optional, but does not read it"
                yield Fault(where, what, _nearest(name, spec.data, "Its data"))
        made |= dict.fromkeys(f"{spec.name}/{output}" for output in spec.writes)


def _stage_modules(competition: Competition) -> Iterator[Fault]:
    for spec in (*competition.stages, competition.cv):
        yield from _module(competition, spec.name, {"run": StageModule.run})


def _submission(competition: Competition) -> Iterator[Fault]:
    """The format's functions, and `blend` against the parameters that it declares."""
    yield from _module(competition, "submission", _SUBMISSION)
    where, module = _file(competition, "submission"), _load(competition, "submission")
    if isinstance(module, Fault):
        return
    if hasattr(module, "score_parts"):
        yield from _functions(where, module, {"score_parts": PartedFormat.score_parts})
    if not hasattr(module, "BLEND_PARAMETERS") or not callable(getattr(module, "blend", None)):
        what = "it does not define BLEND_PARAMETERS and blend(tables, weights, **parameters)"
        yield Fault(where, what, "Define both; BLEND_PARAMETERS may be empty")
        return
    known = inspect.signature(module.blend).parameters
    if list(known)[:2] != ["tables", "weights"]:
        what = f"it defines blend({', '.join(known)})"
        yield Fault(where, what, "Define blend(tables, weights) and the parameters of BLEND_PARAMETERS")
    for name, parameter in module.BLEND_PARAMETERS.items():
        if name not in known:
            what = f"BLEND_PARAMETERS has {name!r}, which blend does not take"
            yield Fault(where, what, _nearest(name, list(known)[2:], "It takes"))
        elif known[name].default != parameter.default:
            what = f"the default of {name} is {parameter.default:g} in BLEND_PARAMETERS, {known[name].default} in blend"
            yield Fault(where, what, "Make them equal")


def _optional_modules(competition: Competition) -> Iterator[Fault]:
    """Those of the modules that may be missing which are there."""
    for name, methods in _OPTIONAL.items():
        if competition.has(name):
            yield from _module(competition, name, methods)
    for section in SECTIONS if competition.has("figures") else ():
        if competition.has(f"figures.{section}"):
            yield from _figure_section(competition, f"figures.{section}")


def _figure_section(competition: Competition, name: str) -> Iterator[Fault]:
    where, module = _file(competition, name), _load(competition, name)
    if isinstance(module, Fault):
        yield module
        return
    figures = getattr(module, "FIGURES", None)
    if not isinstance(figures, Sequence):
        yield Fault(where, "it does not define FIGURES", "Define a tuple of functions from a Run to a Figure")
        return
    for draw in figures:
        if not callable(draw) or len(inspect.signature(draw).parameters) != 1:
            yield Fault(where, f"FIGURES holds {draw!r}", "It must be a function of one argument, the Run")


def _module(competition: Competition, name: str, methods: Mapping[str, Callable[..., Any]]) -> Iterator[Fault]:
    """Check that a module is there, can be imported, and defines functions with the signatures of a protocol."""
    if not competition.has(name):
        remedy = f"Add it, with {', '.join(map(_signature, methods.values()))}"
        yield Fault(_file(competition, name), "there is no such module", remedy)
        return
    module = _load(competition, name)
    if isinstance(module, Fault):
        yield module
    else:
        yield from _functions(_file(competition, name), module, methods)


def _load(competition: Competition, name: str) -> Any:
    """A module, or the fault of one that cannot be imported."""
    try:
        return importlib.import_module(competition.module_name(name))
    except Exception as error:  # whatever a module raises when it is imported
        what = f"it cannot be imported ({type(error).__name__}: {error})"
        return Fault(_file(competition, name), what, "Correct it")


def _functions(where: str, module: object, methods: Mapping[str, Callable[..., Any]]) -> Iterator[Fault]:
    for name, method in methods.items():
        function = getattr(module, name, None)
        if not callable(function):
            yield Fault(where, f"it does not define {name}", f"Define {_signature(method)}")
        elif not _fits(function, method):
            found = f"{name}({', '.join(inspect.signature(function).parameters)})"
            yield Fault(where, f"it defines {found}", f"Its signature must be {_signature(method)}")


def _fits(function: Callable[..., Any], method: Callable[..., Any]) -> bool:
    """Whether a function takes the arguments of a protocol's method, by place and by name."""
    found = list(inspect.signature(function).parameters.values())
    wanted = list(inspect.signature(method).parameters.values())[1:]  # without self
    by_place = [parameter for parameter in wanted if parameter.kind is not parameter.KEYWORD_ONLY]
    by_name = [parameter.name for parameter in wanted if parameter.kind is parameter.KEYWORD_ONLY]
    others = found[len(by_place) :]
    return (
        [parameter.name for parameter in found[: len(by_place)]] == [parameter.name for parameter in by_place]
        and all(
            one.default is not one.empty for one, other in zip(found, by_place, strict=False) if _has_default(other)
        )
        and set(by_name) <= {parameter.name for parameter in found}
        and all(_has_default(parameter) or parameter.name in by_name for parameter in others)
    )


def _has_default(parameter: inspect.Parameter) -> bool:
    variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return variadic or parameter.default is not parameter.empty


def _settings(competition: Competition) -> Iterator[Fault]:
    """`settings.Settings`, its sections, and every preset of `config.toml`."""
    where, module = _file(competition, "settings"), _load(competition, "settings")
    if isinstance(module, Fault):
        yield module
        return
    model = getattr(module, "Settings", None)
    if not (isinstance(model, type) and issubclass(model, Section)):
        yield Fault(where, "it does not define Settings, a pipeline.settings.Section", "Define it, a section a stage")
        return
    for spec in (*competition.stages, competition.cv):
        if spec.section != ALL_SETTINGS and spec.section not in model.model_fields:
            what = f"Settings has no section {spec.section!r} for stage {spec.name}"
            yield Fault(where, what, _nearest(spec.section, list(model.model_fields), "Its sections"))
    yield from _presets(competition, model)


def _presets(competition: Competition, model: type[Section]) -> Iterator[Fault]:
    where = f"competitions/{competition.name}/config.toml"
    try:
        presets = competition.presets
    except (OSError, tomllib.TOMLDecodeError) as error:
        yield Fault(where, f"it cannot be read ({error})", "Write a section for each of Settings")
        return
    if competition.has("phantom") and DEMO not in presets:
        yield Fault(where, f"there is no preset {DEMO!r}, which `pulmo demo` uses", f"Add [presets.{DEMO}.<section>]")
    for preset in presets:
        try:
            load_settings(model, competition.config, preset)
        except UserError as error:
            yield from (Fault(f"{where}, preset {preset}: {one.where}", one.what, one.remedy) for one in error.faults)


def _file(competition: Competition, module: str) -> str:
    path = "figures/__init__" if module == "figures" else module.replace(".", "/")
    return f"competitions/{competition.name}/{path}.py"


def _signature(method: Callable[..., Any]) -> str:
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return f"{method.__name__}({', '.join(str(one.replace(annotation=one.empty)) for one in parameters)})"


def _nearest(name: str, known: Sequence[str], title: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"{title}: {', '.join(known) or 'none'}"
