"""`pulmo NAME compare RUN RUN`: two runs side by side, with the paired difference of their out-of-fold scores."""

from typing import Any

from pulmo.blending.paired_scores import UNCLEAR, Paired, pair
from pulmo.commands.console import better_direction, note, show_json, show_table
from pulmo.commands.runs import (
    NONE,
    UNFINISHED,
    cv_cell,
    date_cell,
    difference,
    estimate_cell,
    folds_cell,
    hidden_cell,
    time_cell,
    winner,
)
from pulmo.competition import ROW_SCORES, Competition
from pulmo.errors import CommandLineError, Fault
from pulmo.pipeline.run_settings import SETTINGS, flat
from pulmo.pipeline.runs import RunRecord, find_run
from pulmo.pipeline.setting_help import toml

_CELLS = {
    "estimate, out of fold": estimate_cell,
    "folds": folds_cell,
    "cv": cv_cell,
    "hidden test set": hidden_cell,
    "time": time_cell,
    "finished (UTC)": date_cell,
}


def compare_runs(competition: Competition, names: tuple[str, str], as_json: bool = False) -> None:
    """Print what differs between two runs: settings, scores, and the paired difference, the second minus the first.

    Raises:
        CommandLineError: there is no run of that name, or both are the same.
    """
    first, second = (find_run(competition, name) for name in names)
    if first.name == second.name:
        raise CommandLineError(Fault(first.name, "is compared with itself", "Name two runs; `pulmo runs` lists them"))
    unfinished = [run.name for run in (first, second) if not run.settings.sections]
    settings, paired = {} if unfinished else _different_settings(first, second), _pair(second, first)
    if as_json:
        show_json(_as_json(competition, (first, second), settings, paired))
        return
    if unfinished:
        verb = "is" if len(unfinished) == 1 else "are"
        note(f"{' and '.join(unfinished)} {verb} {UNFINISHED}: settings are compared once a run has its {SETTINGS}")
    elif settings:
        show_table([{"setting": key, first.name: one, second.name: other} for key, (one, other) in settings.items()])
    else:
        print("Both runs have the same settings.")
    print(f"\n{competition.metric} {better_direction(competition)}")
    cells = {name: {first.name: cell(first), second.name: cell(second)} for name, cell in _CELLS.items()}
    show_table([{"": name, **row} for name, row in cells.items() if {*row.values()} != {NONE}])
    print()
    if first.origin.phantom != second.origin.phantom:
        note("one run is of phantom data and the other is not: their scores do not compare")
    _show_paired(competition, first, second, paired)
    if not first.origin.phantom:
        print(winner(competition))


def _pair(run: RunRecord, reference: RunRecord) -> Paired | None:
    scores, others = run.row_scores(), reference.row_scores()
    return None if scores is None or others is None else pair(scores, others)


def _show_paired(competition: Competition, first: RunRecord, second: RunRecord, paired: Paired | None) -> None:
    if paired is None:
        note(f"no paired difference: a run has no {ROW_SCORES}, or they share fewer than two patients")
        return
    gain, verdict = paired.gain, paired.verdict(competition.greater_is_better)
    print(
        f"{second.name} minus {first.name}, row by row: {difference(paired)} "
        f"(95 % interval {gain.low:+.4f} to {gain.high:+.4f}; {paired.rows:,} rows of {paired.patients:,} patients). "
        + (f"{verdict.capitalize()}." if verdict == UNCLEAR else f"{second.name} is {verdict}.")
    )
    if paired.unshared:
        note(f"{paired.unshared:,} rows that only one of the runs has scored are left out of the paired difference")


def _different_settings(first: RunRecord, second: RunRecord) -> dict[str, tuple[str, str]]:
    one, other = (_all_settings(run) for run in (first, second))
    return {
        key: (toml(one.get(key)) or "not set", toml(other.get(key)) or "not set")
        for key in {**one, **other}
        if one.get(key) != other.get(key)
    }


def _all_settings(run: RunRecord) -> dict[str, Any]:
    origin = run.origin
    about = {
        "preset": origin.preset,
        "seed": origin.seed,
        "data": origin.data,
        "files of the data": origin.data_fingerprint,
        "commit of pulmo": origin.commit,
    }
    return {**about, **flat(run.settings.sections)}


def _as_json(
    competition: Competition,
    runs: tuple[RunRecord, RunRecord],
    settings: dict[str, tuple[str, str]],
    paired: Paired | None,
) -> dict[str, Any]:
    return {
        "metric": competition.metric,
        "greater_is_better": competition.greater_is_better,
        "runs": [{"run": run.name, "estimate": run.estimate, "cv": run.scores.get("cv")} for run in runs],
        "settings": settings,
        "second_minus_first": None if paired is None else {**paired._asdict(), "gain": paired.gain._asdict()},
        "verdict": None if paired is None else paired.verdict(competition.greater_is_better),
        "winning_score": competition.winning_score,
    }
