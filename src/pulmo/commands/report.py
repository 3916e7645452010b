"""Report pages: one for each run of a competition, and an index of all runs."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from pulmo.commands.console import log
from pulmo.commands.run import Request, prepare
from pulmo.commands.runs import (
    RunGroup,
    cv_cell,
    date_cell,
    folds_cell,
    hidden_cell,
    run_groups,
    settings_cell,
    time_cell,
    without_unknown,
)
from pulmo.competition import DEFAULT_PRESET, competition_names, find_competition, require
from pulmo.pipeline.disk import writable_folder
from pulmo.pipeline.paths import SUBMISSIONS
from pulmo.pipeline.run_settings import SETTINGS
from pulmo.pipeline.runner import Run
from pulmo.pipeline.runs import PAGE, RunRecord, find_run, newest_run
from pulmo.pipeline.scores import SUBMISSION, read_scores, scores_of
from pulmo.report.figure_html import Link
from pulmo.report.page import Figure, PageSection, write_page
from pulmo.report.sections import SECTIONS, draw_section

INDEX = "index.html"


def write_report(request: Request, out: Path | None = None) -> Path:
    """Write the page of a run, by default beside its submission; before training, it shows the data alone.

    Raises:
        CommandLineError: the competition has no figures.
    """
    require(request.competition.figures, request.competition, "figures/", "draw a report page")
    started = time.monotonic()
    request = _of_a_run(request)
    run = prepare(request)
    path = out or run.paths.out / PAGE
    writable_folder(path.parent)
    sections = []
    for name, heading in SECTIONS.items():
        section = request.competition.figure_section(name)
        if section is not None:
            log(f"{request.competition.name}: drawing {heading.lower()} …")
            sections.append(draw_section(run, name, section.FIGURES))
    write_page(path, f"{request.competition.title}: run {request.run_name}", _lead(run, request), sections)
    log(f"{path}: {path.stat().st_size / 1e6:.1f} MB in {time.monotonic() - started:.0f} s")
    return path


def write_index(out: Path | None = None) -> Path:
    """Write the index of every run: a section for each competition, with a table for real data and one for phantoms."""
    path = out or SUBMISSIONS / INDEX
    sections, count = [], 0
    for name in competition_names():
        competition = find_competition(name)
        groups = run_groups(competition)
        count += sum(len(group.runs) for group in groups)
        if groups:
            sections.append(PageSection(competition.title, [_group_figure(group, path.parent) for group in groups]))
    if not sections:
        remark = f"No run yet under {SUBMISSIONS}/: `pulmo demo` creates one of each competition."
        sections = [PageSection("Runs", [], [remark])]
    write_page(path, "pulmo: runs", f"{count} runs under {SUBMISSIONS}/.", sections)
    return path


def _group_figure(group: RunGroup, beside: Path) -> Figure:
    rows = pd.DataFrame(without_unknown([_index_row(group, run, beside) for run in group.runs]))
    caption = (
        f"{group.metric[0].upper()}{group.metric[1:]}. Estimates are out of fold, on the data that the run was trained "
        "on; the difference from the best run is paired row by row, where both have scored the same patients. "
        f"{group.reference} The name of a run leads to its page. Click a column's name to sort by it."
    )
    alt_text = "One row for each run: estimate with its error, difference from the best, other scores, settings, links"
    return Figure("Phantom data" if group.phantom else "Real data", caption, rows, alt_text)


def _of_a_run(request: Request) -> Request:
    """The request with the run's own settings and folders: of the run that it names, else the newest one (on the data
    that it names); unchanged where there is no run yet.

    Raises:
        CommandLineError: there is no run of the name.
    """
    if request.work is not None:
        return request
    if request.run is None:
        record = newest_run(request.competition, data=request.data)
    else:
        record = find_run(request.competition, request.run)
    if record is None:
        return request
    request = replace(request, run=record.name, data=request.data or record.data, work=record.work)
    settings = record.out / SETTINGS
    if settings.is_file() and not record.origin.model:
        request = replace(request, config=settings, preset=DEFAULT_PRESET)
    return request


def _lead(run: Run, request: Request) -> str:
    competition, folder = run.competition, run.paths.out
    score = _known_scores(folder)
    if "estimate" in score:
        estimate = score["estimate"]
        metric = competition.metric[0].upper() + competition.metric[1:]
        return (
            f"{metric} {estimate['score']:.4f} ± {estimate['standard_error']:.4f} (standard error), out of fold and "
            f"cross-fitted. Data: {run.paths.data}. Stages: {run.paths.work}."
        )
    return (
        f"Data: {run.paths.data}. No run {request.run_name!r} has been trained yet; to train one: "
        f"`pulmo {competition.name} run --data {run.paths.data} --run {request.run_name}`."
    )


def _index_row(group: RunGroup, run: RunRecord, beside: Path) -> dict[str, Any]:
    page = run.out / PAGE
    links = {"submission": run.out / SUBMISSION, "settings.toml": run.out / SETTINGS}
    sent = group.sent.get(run.name)
    direction = "↑" if group.competition.greater_is_better else "↓"
    return {
        "run": _link(run.name, page, beside) if page.is_file() else run.name,
        f"estimate {direction}": run.estimate.get("score", float("nan")),
        "standard error": run.estimate.get("standard_error", float("nan")),
        "against the best": group.against_best(run),
        "cv": cv_cell(run),
        "hidden test": hidden_cell(run),
        "Kaggle public": sent.public_score if sent else None,
        "Kaggle private": sent.private_score if sent else None,
        "preset and changed settings": settings_cell(run),
        "folds": folds_cell(run),
        "time": time_cell(run),
        "trained on": run.trained_on or None,
        "finished (UTC)": date_cell(run),
        **{name: _link(name, path, beside) if path.is_file() else None for name, path in links.items()},
    }


def _link(text: str, path: Path, beside: Path) -> Link:
    return Link(text, Path(os.path.relpath(path, beside)).as_posix())


def _known_scores(folder: Path) -> dict[str, Any]:
    """The folder's `score.json`, unless it belongs to another submission than the one beside it."""
    submission = folder / SUBMISSION
    return scores_of(submission) if submission.is_file() else read_scores(folder)
