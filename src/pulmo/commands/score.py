"""Submission files judged and combined: score, validate, blend."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pulmo.commands.console import show_json, tell
from pulmo.competition import Competition
from pulmo.errors import Fault, ParticipantVisibleError, UserError
from pulmo.scoring.ids import missing_ids, repeated_ids, shared_rows, unknown_ids
from pulmo.scoring.tables import read_table
from pulmo.scoring.validation import validate


def score_file(competition: Competition, path: Path, solution: Path, subset: bool, as_json: bool) -> None:
    """Print a submission's score, alone on the last line of stdout."""
    cells = competition.module("submission")
    submission = read_table(path, competition.submission_columns)
    truth = cells.read_solution(solution)
    if subset:
        submission, truth = _share(competition, submission, truth)
    value = cells.score(truth, submission, competition.row_id)
    if as_json:
        show_json({"submission": str(path), "metric": competition.metric, "score": value, "rows": len(truth)})
    else:
        tell(f"{competition.metric} of {path} on {len(truth)} rows of {solution}:")
        print(f"{value:.6f}")


def validate_file(competition: Competition, path: Path, sample: Path) -> None:
    """Say whether Kaggle would take the file; every fault is named."""
    submission = read_table(path, competition.submission_columns)
    expected = read_table(sample, [competition.row_id])
    validate(submission, expected, competition.submission_columns, competition.module("submission").check_cells)
    print(f"{path}: valid, {len(submission)} rows")


def blend_files(competition: Competition, paths: Sequence[Path], out: Path, weights: str | None) -> None:
    """Combine submission files by weight (equal ones, if none are given)."""
    cells = competition.module("submission")
    tables = [read_table(path, competition.submission_columns) for path in paths]
    _check_together(competition, tables)
    shares = [1.0] * len(tables) if weights is None else _parse_weights(weights, len(tables))
    combined = cells.blend(tables, shares)
    out.parent.mkdir(parents=True, exist_ok=True)
    combined.to_csv(out, index=False, lineterminator="\n")
    for path, share in zip(paths, shares, strict=True):
        tell(f"{share / sum(shares):8.4f}  {path}")
    print(f"{out}: {len(combined)} rows")


def _share(
    competition: Competition, submission: pd.DataFrame, truth: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    kept_truth, kept = shared_rows(truth, submission, competition.row_id)
    if kept.empty:
        raise UserError(Fault("--subset", "submission and solution share no id", "Check that they belong together"))
    tell(f"--subset: {len(submission) - len(kept)} rows of the submission are left out")
    tell(f"--subset: {len(truth) - len(kept_truth)} rows of the solution are left out")
    return kept, kept_truth


def _check_together(competition: Competition, tables: Sequence[pd.DataFrame]) -> None:
    """Every table sound by itself, and all with the ids of the first."""
    row_id = competition.row_id
    faults: list[Fault] = []
    for table in tables:
        faults += repeated_ids(table, row_id) + competition.module("submission").check_cells(table)
        faults += missing_ids(table, tables[0], row_id) + unknown_ids(table, tables[0], row_id)
    if faults:
        raise ParticipantVisibleError(faults)


def _parse_weights(text: str, count: int) -> list[float]:
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(Fault(f"--weights {text}", "are not numbers", "Write e.g. --weights 0.7,0.3")) from None
    if len(weights) != count or min(weights) < 0 or sum(weights) <= 0:
        remedy = f"Give {count} of them, none negative and not all zero"
        raise UserError(Fault(f"--weights {text}", f"do not fit {count} files", remedy))
    return weights
