"""The estimate of a run's score, and its check where it is read from JSON."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pulmo.errors import ContractError, Fault


class Estimate(NamedTuple):
    """The cross-fitted out-of-fold estimate of a run's score: what `fit_ensemble` writes as `estimate`, and puts into
    the model's `ensemble.json`.

    Attributes:
        score: by the competition's metric.
        standard_error: of the score, over patients.
        folds: a row a fold, from `blending.fold_scores.score_folds`; empty where there are none.
        parts: scores by name where the score has parts, such as labels.
    """

    score: float
    standard_error: float
    folds: Sequence[Mapping[str, Any]]
    parts: Mapping[str, float]

    @classmethod
    def of(cls, values: object, where: str) -> "Estimate":
        """Check an estimate as it stands in JSON; further values in it are the competition's own.

        Args:
            values: a mapping with `score`, `standard_error` and `folds`, and optionally `parts`.
            where: the file or stage it is from, for the errors.

        Raises:
            ContractError: a value is missing, or is not what it should be.
        """
        if not isinstance(values, Mapping):
            raise ContractError(Fault(where, "there is no estimate", f"Write a mapping with {', '.join(_ESTIMATE)}"))
        faults = [
            Fault(where, f"the estimate has no {name!r}", f"Add {name}: {meaning}")
            if name not in values
            else Fault(where, f"the estimate's {name!r} is {values[name]!r}", f"It must be {meaning}")
            for name, (good, meaning) in _ESTIMATE.items()
            if name not in values or not good(values[name])
        ]
        parts = values.get("parts", {})
        if not isinstance(parts, Mapping) or not all(map(_is_number, parts.values())):
            faults.append(Fault(where, f"the estimate's 'parts' is {parts!r}", "It must be numbers by name"))
        if faults:
            raise ContractError(faults)
        return cls(float(values["score"]), float(values["standard_error"]), values["folds"], dict(parts))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) for row in value)


_ESTIMATE: dict[str, tuple[Callable[[object], bool], str]] = {
    "score": (_is_number, "the score, a finite number"),
    "standard_error": (_is_number, "the standard error of the score, a finite number"),
    "folds": (_is_rows, "a list of rows, one a fold; empty where there are none"),
}
