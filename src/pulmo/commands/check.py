"""A competition and its data checked before long work: the contract, Kaggle's files, disk, memory and time."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import psutil

from pulmo.commands.console import log, show_json, show_table
from pulmo.commands.contract import contract_faults
from pulmo.commands.run import Request
from pulmo.competition import Competition, StageSpec
from pulmo.errors import CheckFailedError, Fault
from pulmo.files import files_below
from pulmo.pipeline.data_check import attempt
from pulmo.pipeline.data_folder import missing_data
from pulmo.pipeline.parallel import cores
from pulmo.pipeline.paths import works_of
from pulmo.pipeline.settings import load_settings
from pulmo.protocols import DataCheck
from pulmo.report.sections import SECTIONS
from pulmo.scoring.ids import repeated_ids
from pulmo.scoring.tables import read_table

OK = "ok"
_PARTS = {
    "phantom": "phantom data for `pulmo demo`",
    "hidden_test": "hidden test set for `kernel rehearse`",
    "figures": "figures for `report`",
    "data_check": "data check",
}


def check_competition(request: Request) -> None:
    """Print a table of what was checked.

    Without a data folder the contract alone is checked.

    Raises:
        CommandLineError: the preset or a setting is wrong.
        CheckFailedError: with every fault.
    """
    competition = request.competition
    faults = contract_faults(competition)
    rows = _contract_rows(competition, faults)
    notes: list[str] = []
    data = request.data or competition.default_data
    if not faults:
        settings = load_settings(competition.settings, competition.config, request.preset, request.overrides)
        if data.is_dir():
            log(f"Checking {data} …")
            checker = competition.data_check
            found = checker.check(data, settings) if checker else DataCheck({})
            file_rows, file_faults = _files(competition, data)
            rows += [*file_rows, *_row_for_each_count(found)]
            needs, need_faults = _resources(found, request.work or works_of(competition.name))
            rows += [*needs, *_cost(found, request.device)]
            explained = {fault.where for fault in found.faults}  # by the competition, better than by the declaration
            faults = [*(one for one in file_faults if one.where not in explained), *found.faults, *need_faults]
            notes = list(dict.fromkeys(found.notes))
        elif request.data is not None:
            faults = [missing_data(competition, data)]
        else:
            notes = [f"There is no {data}: the data are not checked. Name Kaggle's folder with --data"]
    if request.json and not faults:
        show_json({"competition": competition.name, "checks": rows, "notes": notes})
    elif not request.json:
        show_table(rows)
        for note in notes:
            log(f"note: {note}")
    if faults:
        raise CheckFailedError(dict.fromkeys(faults))


def _row(what: str, found: str, result: str = OK) -> dict[str, str]:
    return {"check": what, "found": found, "result": result}


def _contract_rows(competition: Competition, faults: list[Fault]) -> list[dict[str, str]]:
    stages = ", ".join(spec.name for spec in (*competition.stages, competition.cv))
    parts = [words for name, words in _PARTS.items() if competition.has(name)]
    missing = [words for name, words in _PARTS.items() if not competition.has(name)]
    result = OK if not faults else f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
    rows = [_row("contract", f"stages {stages}", result)]
    if not faults:
        rows.append(_row("presets", ", ".join(competition.presets)))
    rows.append(_row("optional parts", ", ".join(parts) or "none"))
    if missing:
        rows.append(_row("optional parts", f"no {', no '.join(missing)}", "not there"))
    if competition.has("figures"):
        sections = [name for name in SECTIONS if competition.has(f"figures.{name}")]
        rows.append(_row("report sections", ", ".join(sections) or "none"))
    return rows


def _files(competition: Competition, data: Path) -> tuple[list[dict[str, str]], list[Fault]]:
    """Each stage's declared files, and the sample submission's columns and ids."""
    rows: list[dict[str, str]] = []
    faults: list[Fault] = []
    for spec in competition.stages:
        for name in spec.data:
            rows.append(_row(f"{spec.name} reads", *_described(data / name, name)))
            if rows[-1]["result"] != OK and name in spec.optional:
                rows[-1]["result"] = "optional, missing"
            elif rows[-1]["result"] != OK:
                faults.append(_missing(competition, spec, data / name))
    path = data / competition.sample
    if path.is_file():
        sample, wrong = attempt(lambda: read_table(path, competition.submission_columns, competition.column_aliases))
        if sample is not None:
            wrong = (*wrong, *repeated_ids(sample, competition.row_id))
            rows.append(_row("sample submission", f"{competition.sample}: {len(sample):,} rows", _result(wrong)))
        faults += wrong
    return rows, faults


def _missing(competition: Competition, spec: StageSpec, path: Path) -> Fault:
    what = f"is missing, and stage {spec.name} reads it"
    return Fault(str(path), what, f"Run `pulmo {competition.name} download`, or name Kaggle's folder with --data")


def _described(path: Path, name: str) -> tuple[str, str]:
    """A file or folder in words, and whether it is there."""
    if path.is_dir():
        files = files_below(path)
        size = sum(file.stat().st_size for file in files)
        return f"{'the folder' if name == '.' else name}: {len(files):,} files, {_size(size)}", OK
    if path.is_file():
        return f"{name}: {_size(path.stat().st_size)}", OK
    return name, "missing"


def _row_for_each_count(found: DataCheck) -> list[dict[str, str]]:
    return [_row(name, f"{count:,}" if isinstance(count, int) else count, "") for name, count in found.counts.items()]


def _resources(found: DataCheck, work: Path) -> tuple[list[dict[str, str]], list[Fault]]:
    """Disk and memory needed against what is free; nothing where the competition does not estimate them."""
    rows, faults = [], []
    there = next(folder for folder in (work, *work.absolute().parents) if folder.exists())
    free = {
        "disk": (found.disk_bytes, shutil.disk_usage(there).free, str(there), "Free some, or choose another --work"),
        "memory": (found.memory_bytes, psutil.virtual_memory().available, "this machine", "Close other programs"),
    }
    for name, (needed, available, where, remedy) in free.items():
        if needed:
            words = f"about {_size(needed)} needed, {_size(available)} free"
            wrong = [Fault(where, f"{name}: {words}", remedy)] if needed > available else []
            rows.append(_row(name, words, _result(wrong)))
            faults += wrong
    return rows, faults


def _cost(found: DataCheck, device: str) -> list[dict[str, str]]:
    """Rows of what a run costs: reading the images, training each family of networks, and both together."""
    if not found.trainings:
        return []
    from pulmo.training.cost import KAGGLE_GPUS, KAGGLE_HOURS, training_cost  # loads Keras, which takes seconds

    reading = found.read_seconds / cores() / 3600
    rows = [_row("cost of reading", f"{_time(reading)} on {cores()} cores here", "")]
    hours, gpu_hours = reading, dict.fromkeys(KAGGLE_GPUS, reading)
    for stage, config, pixels, images, folds in found.trainings:
        log(f"Measuring the speed of {stage} …")
        cost = training_cost(config, pixels, images, folds, device)
        hours += cost.hours
        gpu_hours = {name: gpu_hours[name] + cost.gpu_hours[name] for name in KAGGLE_GPUS}
        what = f"{cost.networks} networks, {cost.passes:,} images shown, {1000 * cost.seconds:.0f} ms each"
        rows.append(_row(f"cost of {stage}", f"{what}: {_time(cost.hours)} here, {_times(cost.gpu_hours)}", ""))
    fits = OK if max(gpu_hours.values()) <= KAGGLE_HOURS else "too long for Kaggle"
    words = f"{_time(hours)} here, {_times(gpu_hours)}; Kaggle allows {KAGGLE_HOURS:g} h"
    return [*rows, _row("cost of reading and training", words, fits)]


def _times(hours: Mapping[str, float]) -> str:
    return ", ".join(f"{_time(amount)} estimated on a {name}" for name, amount in hours.items())


def _time(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.1f} s"


def _result(faults: tuple[Fault, ...] | list[Fault]) -> str:
    return "fault" if faults else OK


def _size(size: int) -> str:
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if size >= unit), (1e3, "kB"))
    return f"{size / unit:.1f} {name}"
