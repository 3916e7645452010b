"""What every competition's `write_hidden_test` must do."""

from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competition import find_competition
from pulmo.protocols import SubmissionFormat
from pulmo.radiographs.reading import READERS
from pulmo.scoring.tables import read_table
from pulmo.scoring.validation import validate


def check_hidden_test(name: str, data: Path, place: Path, public_sample: str) -> list[str]:
    """Cut a hidden test set from `data` into `place` and check it against the contract; the files of broken images."""
    competition = find_competition(name)
    fmt = competition.submission
    before = contents(data)
    folder, solution = place / "hidden", place / "solution.csv"
    assert competition.holdout is not None
    competition.holdout.write_hidden_test(data, folder, solution)
    assert contents(data) == before

    sample = read_table(folder / competition.sample, competition.submission_columns)
    asked = patients(sample, fmt, data)
    public = patients(read_table(data / public_sample, [competition.row_id]), fmt, data)
    assert not asked & public
    assert len(asked) != len(public)
    validate(sample, sample, competition.submission_columns, fmt.check_predictions)
    truth = fmt.read_solution(solution)
    assert patients(truth, fmt, data) == asked
    assert np.isfinite(fmt.score(truth, sample, competition.row_id))

    made = contents(folder)
    broken = [path for path, content in made.items() if path.suffix in READERS and content not in before.values()]
    assert broken
    return sorted(path.as_posix() for path in broken)


def patients(table: pd.DataFrame, fmt: SubmissionFormat, data: Path) -> set[str]:
    """The patients of a table's rows."""
    return set(fmt.patients(table, data).of_row)


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file's bytes, by the path below the folder."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
