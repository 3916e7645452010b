"""What every competition's `write_hidden_test` must do."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from pulmo.competition import find_competition
from pulmo.scoring.tables import read_table
from pulmo.scoring.validation import validate


def check_hidden_test(name: str, data: Path, place: Path, public_sample: str) -> list[str]:
    """Cut a hidden test set from `data` into `place` and check it against the contract; the files of broken images."""
    competition = find_competition(name)
    cells = competition.module("submission")
    before = contents(data)
    folder, solution = place / "hidden", place / "solution.csv"
    competition.module("hidden_test").write_hidden_test(data, folder, solution)
    assert contents(data) == before

    sample = read_table(folder / competition.sample, competition.submission_columns)
    asked = groups(sample[competition.row_id], cells)
    public = groups(read_table(data / public_sample, [competition.row_id])[competition.row_id], cells)
    assert not asked & public
    assert len(asked) != len(public)
    validate(sample, sample, competition.submission_columns, cells.check_cells)
    truth = cells.read_solution(solution)
    assert groups(truth[competition.row_id], cells) == asked
    assert np.isfinite(cells.score(truth, sample, competition.row_id))

    made = contents(folder)
    broken = [path for path, content in made.items() if path.suffix == ".dcm" and content not in before.values()]
    assert broken
    return sorted(path.as_posix() for path in broken)


def groups(ids: pd.Series, cells: ModuleType) -> set[str]:
    """Whose the rows are."""
    return set(ids.map(cells.group_of))


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file's bytes, by the path below the folder."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
