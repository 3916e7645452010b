"""Every competition on phantom data, from raw files to scores, in minutes and without a download."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from pulmo import NOT_FOR_CLINICAL_USE
from pulmo.commands.console import log, show_table
from pulmo.commands.report import write_index, write_report
from pulmo.commands.run import Request, run_all
from pulmo.competition import Competition, competition_names, find_competition, require
from pulmo.errors import Fault, UserError
from pulmo.pipeline.data_folder import phantom_mark
from pulmo.pipeline.disk import writing_to
from pulmo.pipeline.fingerprint import digest_code
from pulmo.pipeline.progress import bar
from pulmo.pipeline.runs import runs_of
from pulmo.pipeline.scores import HIDDEN_TEST, read_scores, write_scores
from pulmo.scoring.tables import read_submission

DEMO = "demo"  # the preset and the run's name
FOLDER = Path("work") / "demo"


def run_demo(names: Sequence[str], seed: int) -> None:
    """Run all stages of competitions, by default of all that can draw phantom data; print one table of scores, and the
    paths of submissions and report pages.

    Raises:
        CommandLineError: there is no competition of that name, or it draws no phantom data.
        UserError: a run on other data has the demo's name.
    """
    competitions = [find_competition(name) for name in names or competition_names()]
    if not names:
        competitions = [competition for competition in competitions if competition.phantom]
    rows: list[dict[str, str]] = []
    pages: list[Path] = []
    for competition in competitions:
        log(f"── {competition.title} ──")
        started = time.monotonic()
        data, solution = demo_data(competition, seed)
        _refuse_other_run(competition, data)
        request = Request(competition, data=data, preset=DEMO, run=DEMO, seed=seed, replace=True)
        summary = run_all(request)
        fmt = competition.submission
        submission = read_submission(summary.submission, competition.submission_columns)
        hidden = fmt.score(fmt.read_solution(solution), submission, competition.row_id)
        folder = summary.submission.parent
        write_scores(folder, {**read_scores(folder), HIDDEN_TEST: hidden})
        if competition.figures:
            pages.append(write_report(request))
        rows.append(
            {
                "competition": competition.name,
                "metric": competition.metric,
                "estimate, out of fold": f"{summary.score:.4f} ± {summary.standard_error:.4f}",
                "hidden test set": f"{hidden:.4f}",
                "seconds": f"{time.monotonic() - started:.0f}",
                "submission": str(summary.submission),
            }
        )
    show_table(rows)
    for page in pages:
        print(f"page         {page}")
    print(f"all runs     {write_index()}")
    print(f"Phantom data drawn by pulmo: the scores show that the stages work, not how well. {NOT_FOR_CLINICAL_USE}")


def _refuse_other_run(competition: Competition, data: Path) -> None:
    """The demo replaces its own former results, but no run on other data that has its name."""
    there = next((run for run in runs_of(competition) if run.name == DEMO), None)
    if there is not None and there.data not in (None, data):
        remedy = f"Rename its folders {there.work} and {there.out}, or start the demo in another folder"
        raise UserError(Fault(str(there.work), f"is a run on {there.data} with the demo's name", remedy))


def demo_data(competition: Competition, seed: int = 0) -> tuple[Path, Path]:
    """The demo data and their hidden solution, written unless the same are there already.

    Raises:
        CommandLineError: the competition draws no phantom data.
    """
    phantom = require(competition.phantom, competition, "phantom.py", "draw demo data")
    data, solution = FOLDER / competition.name, FOLDER / f"{competition.name}-solution.csv"
    written = phantom_mark(data)
    digest = f"{digest_code(competition.module_name('phantom'))} {seed}"
    if written.is_file() and data.is_dir() and solution.is_file() and written.read_text() == digest:
        return data, solution
    written.unlink(missing_ok=True)
    shutil.rmtree(data, ignore_errors=True)
    with writing_to(FOLDER), bar() as display:
        task = display.add_task("phantom patients")
        phantom.write_phantom(
            data,
            solution,
            phantom.PhantomSettings(seed=seed),
            lambda done, total: display.update(task, completed=done, total=total),
        )
    written.write_text(digest)
    return data, solution
