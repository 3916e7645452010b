"""A submission against the sample: columns first, then ids and cells together."""

import numpy as np
import pandas as pd
import pytest

from pulmo.errors import Fault, ParticipantVisibleError
from pulmo.scoring.probabilities import to_probabilities
from pulmo.scoring.validation import validate

SAMPLE = pd.DataFrame({"id": ["a", "b"], "value": [0.5, 0.5]})


def check_cells(submission: pd.DataFrame) -> list[Fault]:
    return to_probabilities(submission, ["value"])[1]


def faults(submission: pd.DataFrame) -> list[str]:
    with pytest.raises(ParticipantVisibleError) as refused:
        validate(submission, SAMPLE, ["id", "value"], check_cells)
    return list(map(str, refused.value.faults))


def test_what_the_sample_asks_for_is_valid_in_any_order() -> None:
    for submission in (SAMPLE, SAMPLE.iloc[::-1], SAMPLE[["value", "id"]]):
        validate(submission, SAMPLE, ["id", "value"], check_cells)


def test_without_a_column_nothing_else_is_checked() -> None:
    (fault,) = faults(pd.DataFrame({"id": ["x"], "values": ["high"]}))
    assert fault.startswith("submission: has no column 'value' (did you mean 'values'?)")


def test_columns_ids_and_cells_are_named_together() -> None:
    found = faults(pd.DataFrame({"id": ["a", "c"], "value": [0.5, 1.5], "note": ["", ""]}))
    assert found[0] == "submission: has an unexpected column 'note'. Remove it."
    assert "1 of its 2 ids are among the 2" in found[1]
    assert found[1].endswith("--sample gives the sample submission.")
    assert [fault.partition(". ")[0] for fault in found[2:]] == [
        "submission: has no row for id 'b'",
        "submission, row 3, id: 'c' is an unknown id: not in the solution",
        "submission, row 3, value: '1.5' is no probability",
    ]


def test_a_fault_of_one_kind_is_enough() -> None:
    assert len(faults(SAMPLE.assign(note=""))) == 1
    assert len(faults(SAMPLE.assign(value=np.array([0.5, -0.1])))) == 1
    assert len(faults(pd.concat([SAMPLE, SAMPLE.iloc[:1]]))) == 1
