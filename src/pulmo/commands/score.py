"""Submission files scored, validated and combined."""

import filecmp
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pulmo.blending.parameters import defaults_of
from pulmo.commands.console import better_direction, log, note, show_json, show_table
from pulmo.competition import Competition
from pulmo.errors import CommandLineError, Fault, ParticipantVisibleError, SubmissionsError, UserError
from pulmo.pipeline.disk import atomically, writing_to
from pulmo.protocols import BlendParameter
from pulmo.scoring.ids import SCORE_SUBSET, id_faults, shared_rows
from pulmo.scoring.tables import name_of, notes_of, read_submission, read_table
from pulmo.scoring.validation import validate


class UnmatchedRows(NamedTuple):
    """How many rows --subset leaves out, because their ids are in the submission or in the solution alone."""

    submission: int
    solution: int


class Scored(NamedTuple):
    """A submission's score, its parts by name (NaN where the solution does not define one), and the rows scored.

    `unmatched` is None where all rows have to match.
    """

    path: Path
    score: float
    parts: Mapping[str, float]
    rows: int
    unmatched: UnmatchedRows | None

    def as_json(self, metric: str) -> dict[str, Any]:
        """The values for --json; None where a part is not defined."""
        parts = {name: part if math.isfinite(part) else None for name, part in self.parts.items()}
        return {
            "submission": str(self.path),
            "metric": metric,
            "score": self.score,
            "rows": self.rows,
            "parts": parts,
        }


def score_files(
    competition: Competition, paths: Sequence[Path], solution: Path, subset: bool, as_json: bool = False
) -> None:
    """Print the score of one submission, alone on the last line of stdout; of several a table, the best marked.

    The table has the files that can be scored, whatever is wrong with others; with `as_json` nothing is printed then.

    Raises:
        CommandLineError: the solution is one of the submissions.
        SubmissionsError: with the faults of every submission that cannot be scored.
        UserError: the solution is at fault.
    """
    _refuse_solution(paths, solution)
    truth = _read_solution(competition, solution)
    for sentence in notes_of(truth):
        note(sentence)
    found: list[Scored] = []
    of_files: list[tuple[Fault, ...]] = []
    for path in paths:
        try:
            found.append(_score(competition, path, truth, subset))
        except UserError as error:
            of_files.append(error.faults)
    for unmatched in dict.fromkeys(one.unmatched for one in found):
        _log_unmatched(unmatched, [one.path for one in found if one.unmatched == unmatched])
    if found and not (of_files and as_json):
        _show(competition, found, solution, len(paths) > 1, as_json)
    if of_files:
        raise SubmissionsError(of_files)


def _read_solution(competition: Competition, path: Path) -> pd.DataFrame:
    """The true answers. Raises UserError with every fault of the file, also where it has no row to score."""
    truth = competition.submission.read_solution(path)
    if truth.empty:
        remedy = "Give --solution the file of the true answers"
        raise UserError(Fault(str(path), "has no row that is scored", remedy))
    return truth


def _refuse_solution(paths: Sequence[Path], solution: Path) -> None:
    """Raise a CommandLineError where a submission is the solution: by its path, or byte for byte."""
    faults = [
        Fault(str(path), "the solution is the submission itself", "Give --solution the file of the true answers")
        for path in paths
        if path.is_file() and solution.is_file() and filecmp.cmp(path, solution, shallow=False)
    ]
    if faults:
        raise CommandLineError(faults)


def _show(competition: Competition, found: Sequence[Scored], solution: Path, several: bool, as_json: bool) -> None:
    if as_json:
        values = [one.as_json(competition.metric) for one in found]
        show_json(values if several else values[0])
    elif several:
        _show_scores(competition, found)
    else:
        _show_score(competition, found[0], solution)


def _score(competition: Competition, path: Path, truth: pd.DataFrame, subset: bool) -> Scored:
    submission, unmatched = _read(competition, path), None
    if subset:
        submission, truth, unmatched = _share(competition, submission, truth)
    value = competition.submission.score(truth, submission, competition.row_id)
    parts = competition.parted.score_parts(truth, submission, competition.row_id) if competition.parted else {}
    return Scored(path, value, parts, len(truth), unmatched)


def _show_score(competition: Competition, found: Scored, solution: Path) -> None:
    log(f"{competition.metric} of {found.path} on {found.rows} rows of {solution}:")
    for name, part in found.parts.items():
        undefined = "not defined by this solution, and not part of the score"
        log(f"  {name} {part:.6f}" if math.isfinite(part) else f"  {name}: {undefined}")
    print(f"{found.score:.6f}")


def _show_scores(competition: Competition, found: Sequence[Scored]) -> None:
    scores = [one.score for one in found]
    best = max(scores) if competition.greater_is_better else min(scores)
    show_table(
        [
            {
                "submission": str(one.path),
                f"{competition.metric} {better_direction(competition)}": f"{one.score:.6f}",
                "": "best" if one.score == best else "",
                **{name: f"{part:.6f}" if math.isfinite(part) else "–" for name, part in one.parts.items()},
                "rows": f"{one.rows:,}",
            }
            for one in found
        ]
    )
    if len({one.rows for one in found}) > 1:
        note("the scores are of different numbers of rows, and do not compare")


def validate_file(competition: Competition, path: Path, sample: Path, as_json: bool = False) -> None:
    """Check a submission against Kaggle's format; every fault is named."""
    submission = _read(competition, path)
    expected = read_table(sample, [competition.row_id], competition.column_aliases)
    validate(submission, expected, competition.submission_columns, competition.submission.check_predictions)
    if as_json:
        show_json({"submission": str(path), "valid": True, "rows": len(submission)})
    else:
        print(f"{path}: valid, {len(submission)} rows")


def _read(competition: Competition, path: Path) -> pd.DataFrame:
    """Read a submission; corrections made in reading are logged."""
    table = read_submission(path, competition.submission_columns, competition.column_aliases)
    for sentence in notes_of(table):
        note(sentence)
    return table


@dataclass(frozen=True)
class BlendRequest:
    """The files to combine, with weights and parameters given, or fitted to a solution, or equal weights and defaults.

    `parameters` are `name=value`, as given to `--set`; `data` is Kaggle's folder, which may hold a table of patients.
    """

    paths: Sequence[Path]
    out: Path
    weights: str | None = None
    solution: Path | None = None
    subset: bool = False
    data: Path | None = None
    parameters: Sequence[str] = field(default=())
    json: bool = False


def blend_files(competition: Competition, request: BlendRequest) -> None:
    """Combine submission files."""
    if request.solution is not None and (request.weights is not None or request.parameters):
        remedy = "Give weights and parameters, or let them be fitted"
        raise CommandLineError(Fault("--solution and --weights or --set", "were both given", remedy))
    known = competition.submission.BLEND_PARAMETERS
    tables = [_read(competition, path) for path in request.paths]
    if request.subset:
        tables = _share_ids(competition, tables)
    _check_together(competition, tables)
    if request.solution is not None:
        weights, parameters = _fit(competition, request, tables)
    else:
        weights = [1.0] * len(tables) if request.weights is None else _parse_weights(request.weights, len(tables))
        parameters = {**defaults_of(known), **_parse_parameters(request.parameters, known)}
        for path, weight in zip(request.paths, weights, strict=True):
            log(f"{weight / sum(weights):8.4f}  {path}")
    combined = competition.submission.blend(tables, weights, **parameters)
    with writing_to(request.out.parent):
        request.out.parent.mkdir(parents=True, exist_ok=True)
        atomically(request.out, lambda path: combined.to_csv(path, index=False, lineterminator="\n"))
    if request.json:
        show_json({"submission": str(request.out), "rows": len(combined), "weights": weights, "parameters": parameters})
    else:
        print(f"{request.out}: {len(combined)} rows")


def _fit(
    competition: Competition, request: BlendRequest, tables: Sequence[pd.DataFrame]
) -> tuple[list[float], dict[str, float]]:
    """Fit weights and parameters on one half of the solution's patients; print the scores on both halves."""
    from pulmo.blending.holdout_fit import (  # not for every blend: it loads more than scoring needs
        fit_blend,
        holdout_half,
    )

    assert request.solution is not None
    fmt, row_id = competition.submission, competition.row_id
    truth = _read_solution(competition, request.solution)
    if request.subset:
        _, truth, unmatched = _share(competition, tables[0], truth)
        _log_unmatched(unmatched, request.paths[:1])
    fmt.score(truth, tables[0], row_id)  # reports mismatched ids, which the halves would hide
    half = _patients(competition, truth, request.data).map(holdout_half)
    truths = [truth[half == which] for which in (0, 1)]
    if not all(map(len, truths)):
        raise UserError(Fault(str(request.solution), "cannot be split in two", "Give a solution of more patients"))
    halves = [[shared_rows(part, table, row_id)[1] for table in tables] for part in truths]
    sign = 1 if competition.greater_is_better else -1

    def score(table: pd.DataFrame, which: int) -> float:
        return sign * float(fmt.score(truths[which], table, row_id))

    fit = fit_blend(halves, fmt.blend, score, fmt.BLEND_PARAMETERS)
    if request.json:
        return fit.weights.tolist(), fit.parameters
    names = [*map(str, request.paths), "blend"]
    columns = zip(names, [*fit.weights, 1.0], sign * fit.first, sign * fit.second, strict=True)
    show_table(
        [
            {"file": name, "weight": f"{weight:.4f}", "half 1 (fitted on)": f"{first:.6f}", "half 2": f"{second:.6f}"}
            for name, weight, first, second in columns
        ]
    )
    for name, value in fit.parameters.items():
        print(f"{name} {value:g} (default {fmt.BLEND_PARAMETERS[name].default:g})")
    return fit.weights.tolist(), fit.parameters


def _patients(competition: Competition, truth: pd.DataFrame, data: Path | None) -> pd.Series:
    """The patient of each row of a solution, by Kaggle's folder where it is there."""
    folder = data or competition.default_data
    if data is not None and not data.is_dir():
        from pulmo.pipeline.data_folder import missing_data  # loads pydantic, which scoring does without

        raise UserError(missing_data(competition, data))
    found = competition.submission.patients(truth, folder if folder.is_dir() else None)
    for sentence in found.notes:
        note(sentence)
    return found.of_row


def _share_ids(competition: Competition, tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """The rows whose ids every table has; the number of rows left out of each is logged."""
    row_id = competition.row_id
    common = set.intersection(*(set(table[row_id]) for table in tables))
    shared = [table[table[row_id].isin(common)] for table in tables]
    for table, rest in zip(tables, shared, strict=True):
        log(f"--subset: {len(table) - len(rest)} rows of {name_of(table, 'a submission')} are left out")
    return shared


def _share(
    competition: Competition, submission: pd.DataFrame, truth: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, UnmatchedRows]:
    """The rows of both with common ids, and the number of rows left out of each."""
    shared_truth, shared = shared_rows(truth, submission, competition.row_id)
    if shared.empty:
        file = name_of(submission, "the submission")
        what = "--subset leaves no row: submission and solution share no id"
        raise ParticipantVisibleError(Fault(file, what, "Check that they belong together"))
    return shared, shared_truth, UnmatchedRows(len(submission) - len(shared), len(truth) - len(shared_truth))


def _log_unmatched(unmatched: UnmatchedRows | None, paths: Sequence[Path]) -> None:
    """Log what --subset leaves out, once for all files of which it leaves out equally much."""
    if unmatched is not None:
        files = f"{'each of ' if len(paths) > 1 else ''}{', '.join(map(str, paths))}"
        log(f"--subset leaves out {unmatched.submission:,} rows of {files} and {unmatched.solution:,} of the solution")


def _check_together(competition: Competition, tables: Sequence[pd.DataFrame]) -> None:
    """Check every table's cells, and its ids against those of the first."""
    row_id = competition.row_id
    of_files = [
        [*id_faults(table, tables[0], row_id, SCORE_SUBSET), *competition.submission.check_predictions(table)]
        for table in tables
    ]
    if any(of_files):
        raise SubmissionsError(of_files)


def _parse_weights(text: str, count: int) -> list[float]:
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        raise CommandLineError(Fault(f"--weights {text}", "not numbers", "Write e.g. --weights 0.7,0.3")) from None
    if not all(map(math.isfinite, weights)):
        raise CommandLineError(Fault(f"--weights {text}", "not finite numbers", "Write e.g. --weights 0.7,0.3"))
    if len(weights) != count:
        expected = f"expected {count} weight{'s' if count > 1 else ''}, got {len(weights)}"
        raise CommandLineError(Fault(f"--weights {text}", expected, "Give one for each file"))
    if min(weights) < 0 or sum(weights) <= 0:
        remedy = "Give weights of at least 0, one of them above 0"
        raise CommandLineError(Fault(f"--weights {text}", "a weight is negative, or all are zero", remedy))
    # Divided by the largest, so that their sum cannot overflow; only proportions count.
    return [weight / max(weights) for weight in weights]


def _parse_parameters(texts: Sequence[str], known: Mapping[str, BlendParameter]) -> dict[str, float]:
    parameters = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in known:
            remedy = f"Choose from {', '.join(known)}" if known else "This competition's blend has weights only"
            raise CommandLineError(Fault(f"--set {text}", f"there is no parameter {name!r}", remedy))
        try:
            parameters[name] = float(value)
        except ValueError:
            parameters[name] = math.nan
        if not math.isfinite(parameters[name]):
            remedy = f"Write e.g. --set {name}={known[name].default:g}"
            raise CommandLineError(Fault(f"--set {text}", f"{value!r} is not a finite number", remedy))
    return parameters
