"""`pulmo runs`: every run with its settings and scores; the cells are also those of `compare` and of the index page."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from pulmo.blending.paired_scores import Paired, pair
from pulmo.commands.console import better_direction, show_json, show_table
from pulmo.competition import Competition, competition_names, find_competition
from pulmo.kaggle.ledger import LEDGER, Entry, latest, read
from pulmo.pipeline.runs import RunRecord, runs_of
from pulmo.pipeline.scores import HIDDEN_TEST, SHA256, SUBMISSION
from pulmo.pipeline.setting_help import toml

NONE, UNFINISHED = "–", "unfinished"

Cell = TypeVar("Cell")


class RunGroup(NamedTuple):
    """The runs of a competition on data of one kind, the newest first.

    Attributes:
        competition: the competition.
        phantom: whether pulmo has drawn the data.
        runs: the runs.
        best: the run of the best estimate; None where no run has one.
        gains: on the best run, by run name, where both have scored the same patients.
        sent: the submission of each run in the ledger, by run name.
    """

    competition: Competition
    phantom: bool
    runs: Sequence[RunRecord]
    best: RunRecord | None
    gains: Mapping[str, Paired]
    sent: Mapping[str, Entry]

    @property
    def title(self) -> str:
        """The competition, and which data."""
        return f"{self.competition.name}, {'phantom data (not a result)' if self.phantom else 'real data'}"

    @property
    def metric(self) -> str:
        """The metric and its better direction."""
        return f"{self.competition.metric} {better_direction(self.competition)}"

    @property
    def reference(self) -> str:
        """The winner's score on Kaggle in a sentence; empty for phantom data."""
        return "" if self.phantom else winner(self.competition)

    def against_best(self, run: RunRecord) -> str:
        """The paired difference from the best run, and whether it is clear."""
        if self.best is not None and run.name == self.best.name:
            return "best"
        found = self.gains.get(run.name)
        return NONE if found is None else f"{difference(found)}, {found.verdict(self.competition.greater_is_better)}"


def show_runs(name: str | None, as_json: bool = False) -> None:
    """Print every run of a competition, or of all: a table for real data and one for phantom data.

    Raises:
        CommandLineError: there is no competition of that name.
    """
    names = competition_names() if name is None else [find_competition(name).name]
    groups = [group for name in names for group in run_groups(find_competition(name))]
    if as_json:
        show_json([_as_json(group, run) for group in groups for run in group.runs])
        return
    if not groups:
        print("No run here yet: `pulmo demo` makes one of each competition.")
    for number, group in enumerate(groups):
        print(("\n" if number else "") + f"{group.title}: {group.metric}")
        show_table(without_unknown([_row(group, run) for run in group.runs]))
        if group.reference:
            print(group.reference)


def run_groups(competition: Competition) -> list[RunGroup]:
    """A competition's runs on real data, then those on phantom data; without groups that have no run."""
    runs = runs_of(competition)
    sent = _sent(competition)
    groups = []
    for phantom in (False, True):
        inside = [run for run in runs if run.origin.phantom is phantom]
        if inside:
            best = _best(inside, competition.greater_is_better)
            of_runs = {run.name: sent[key] for run in inside if (key := str(run.scores.get(SHA256))) in sent}
            groups.append(RunGroup(competition, phantom, inside, best, _gains(inside, best), of_runs))
    return groups


def without_unknown(rows: Sequence[Mapping[str, Cell]]) -> list[dict[str, Cell]]:
    """The rows of a table without the columns that hold no value in any of them."""
    known = [name for name in rows[0] if any(row[name] not in (NONE, None) for row in rows)]
    return [{name: row[name] for name in known} for row in rows]


def estimate_cell(run: RunRecord) -> str:
    """The estimate with its standard error; "unfinished" where a run has neither a submission nor a score."""
    score, error = (run.estimate.get(name) for name in ("score", "standard_error"))
    if not (run.scores or (run.out / SUBMISSION).is_file()):
        return UNFINISHED
    return NONE if score is None else f"{score_cell(score)} ± {score_cell(error)}"


def folds_cell(run: RunRecord) -> str:
    """The score of each fold, in order."""
    folds = run.estimate.get("folds")
    return " ".join(score_cell(row.get("score")) for row in folds) if folds else NONE


def cv_cell(run: RunRecord) -> str:
    """The score of the competition's own cross-validation, with its error where it has one."""
    found = run.scores.get("cv")
    scores = found if isinstance(found, dict) else {}
    error = scores.get("standard_error")
    return score_cell(scores.get("score")) + (f" ± {score_cell(error)}" if error is not None else "")


def hidden_cell(run: RunRecord) -> str:
    """The score on the demo's hidden test set."""
    return score_cell(run.scores.get(HIDDEN_TEST))


def settings_cell(run: RunRecord) -> str:
    """The preset, and the settings that differ from it."""
    changed = [f"{key}={toml(value)}" for key, value in run.differing().items()]
    return " ".join([run.origin.preset or NONE, *changed])


def time_cell(run: RunRecord) -> str:
    """The time that the stages took."""
    if not run.stages:
        return NONE
    return f"{run.seconds:.0f} s" if run.seconds < 600 else f"{run.seconds / 3600:.1f} h"


def date_cell(run: RunRecord) -> str:
    """When the last stage was finished, UTC."""
    return run.finished[:16].replace("T", " ") or NONE


def score_cell(value: object) -> str:
    """A score; a dash where it is not known."""
    return f"{value:.4f}" if isinstance(value, int | float) and math.isfinite(value) else NONE


def difference(paired: Paired) -> str:
    """A paired difference with its sign and standard error."""
    return f"{paired.gain.value:+.4f} ± {paired.gain.standard_error:.4f}"


def winner(competition: Competition) -> str:
    """The winner's score on Kaggle in a sentence; empty where it is not known."""
    if competition.winning_score is None:
        return ""
    return f"For reference: the winner's private score on Kaggle is {competition.winning_score:g}, of another test set."


def _row(group: RunGroup, run: RunRecord) -> dict[str, str]:
    sent = group.sent.get(run.name)
    return {
        "run": run.name,
        "estimate, out of fold": estimate_cell(run),
        "against the best": group.against_best(run),
        "cv": cv_cell(run),
        "hidden": hidden_cell(run),
        "public": (sent.public_score if sent else "") or NONE,
        "private": (sent.private_score if sent else "") or NONE,
        "time": time_cell(run),
        "trained on": run.trained_on or NONE,
        "finished (UTC)": date_cell(run),
        "folds": folds_cell(run),
        "preset and changed settings": settings_cell(run),
    }


def _as_json(group: RunGroup, run: RunRecord) -> dict[str, Any]:
    sent, gain = group.sent.get(run.name), group.gains.get(run.name)
    return {
        "competition": group.competition.name,
        "run": run.name,
        "phantom": group.phantom,
        "metric": group.competition.metric,
        "greater_is_better": group.competition.greater_is_better,
        "estimate": run.estimate,
        "cv": run.scores.get("cv"),
        "hidden_test": run.scores.get(HIDDEN_TEST),
        "public_score": sent.public_score if sent else None,
        "private_score": sent.private_score if sent else None,
        "minus_best": None if gain is None else {**gain._asdict(), "gain": gain.gain._asdict()},
        "preset": run.origin.preset,
        "changed_settings": run.differing(),
        "seconds": run.seconds,
        "trained_on": run.trained_on,
        "finished": run.finished,
        "folder": str(run.out),
    }


def _best(runs: Sequence[RunRecord], greater_is_better: bool) -> RunRecord | None:
    scored = [run for run in runs if isinstance(run.estimate.get("score"), int | float)]
    choose = max if greater_is_better else min
    return choose(scored, key=lambda run: float(run.estimate["score"]), default=None)


def _gains(runs: Sequence[RunRecord], best: RunRecord | None) -> dict[str, Paired]:
    """The paired difference of each other run from the best one, of those that have scored the same rows."""
    reference = None if best is None else best.row_scores()
    if best is None or reference is None:
        return {}
    found: dict[str, Paired] = {}
    for run in runs:
        scores = run.row_scores() if run.name != best.name else None
        paired = None if scores is None else pair(scores, reference)
        if paired is not None and not paired.unshared:
            found[run.name] = paired
    return found


def _sent(competition: Competition) -> dict[str, Entry]:
    """The competition's submissions in the ledger by the SHA-256 of their files, the last where one was sent twice."""
    return {entry.sha256: entry for entry in latest(read(LEDGER)) if entry.competition == competition.name}
