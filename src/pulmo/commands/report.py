"""Report pages: one for each run of a competition, and an index of all runs."""

import os
import time
from pathlib import Path
from typing import Any

import pandas as pd

from pulmo.commands.console import log
from pulmo.commands.run import Request, prepare
from pulmo.competition import competition_names, find_competition, require
from pulmo.pipeline.disk import writable_folder
from pulmo.pipeline.runner import Run
from pulmo.pipeline.scores import SCORES, SUBMISSION, read_scores, scores_of
from pulmo.report.figure_html import Link
from pulmo.report.page import Figure, PageSection, write_page
from pulmo.report.sections import SECTIONS, draw_section

SUBMISSIONS = Path("submissions")
PAGE, INDEX = "report.html", "index.html"


def write_report(request: Request, out: Path | None = None) -> Path:
    """Write the page of a run, by default beside its submission; before training, it shows the data alone.

    Raises:
        CommandLineError: the competition has no figures.
    """
    require(request.competition.figures, request.competition, "figures/", "draw a report page")
    started = time.monotonic()
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
    """Write the index of every run whose score or page lies under `submissions/`."""
    path = out or SUBMISSIONS / INDEX
    rows = [
        _index_row(find_competition(name).title, folder, path.parent)
        for name in competition_names()
        for folder in sorted((SUBMISSIONS / name).glob("*/"))
        if (folder / SCORES).is_file() or (folder / PAGE).is_file()
    ]
    columns = ["competition", "run", "metric", "estimate", "standard error", "made", "page", "submission"]
    runs = Figure(
        "Every run",
        "Estimates are out of fold, on the data that the run was trained on; click a column's name to sort by it.",
        pd.DataFrame(rows, columns=columns),
        "One row for each run: competition, metric, estimate with its standard error, and links to page and submission",
    )
    remarks = [] if rows else [f"No run yet under {SUBMISSIONS}/: `pulmo demo` creates one of each competition."]
    write_page(path, "pulmo: runs", f"{len(rows)} runs under {SUBMISSIONS}/.", [PageSection("Runs", [runs], remarks)])
    return path


def _lead(run: Run, request: Request) -> str:
    competition, folder = run.competition, run.paths.out
    score = _known_scores(folder)
    if "estimate" in score:
        estimate = score["estimate"]
        return (
            f"{competition.metric} {estimate['score']:.4f} ± {estimate['standard_error']:.4f} (standard error), out of "
            f"fold and cross-fitted. Data: {run.paths.data}. Stages: {run.paths.work}."
        )
    return (
        f"Data: {run.paths.data}. No run {request.run_name!r} has been trained yet; to train one: "
        f"`pulmo {competition.name} run --data {run.paths.data} --run {request.run_name}`."
    )


def _index_row(title: str, folder: Path, beside: Path) -> dict[str, Any]:
    score = _known_scores(folder)
    estimate = score.get("estimate", {})
    links = {"page": folder / PAGE, "submission": folder / SUBMISSION}
    made = max(path.stat().st_mtime for path in (folder / SCORES, folder / PAGE) if path.is_file())
    return {
        "competition": title,
        "run": folder.name,
        "metric": score.get("metric"),
        "estimate": estimate.get("score", float("nan")),
        "standard error": estimate.get("standard_error", float("nan")),
        "made": time.strftime("%Y-%m-%d %H:%M", time.localtime(made)),
        **{name: _link(name, path, beside) if path.is_file() else None for name, path in links.items()},
    }


def _link(text: str, path: Path, beside: Path) -> Link:
    return Link(text, Path(os.path.relpath(path, beside)).as_posix())


def _known_scores(folder: Path) -> dict[str, Any]:
    """The folder's `score.json`, unless it belongs to another submission than the one beside it."""
    submission = folder / SUBMISSION
    return scores_of(submission) if submission.is_file() else read_scores(folder)
