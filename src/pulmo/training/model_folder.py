"""The record of a trained model, `ensemble.json`: whose it is, and everything that inference needs besides networks.

Written once when the model is made; read before anything is predicted, so that a model that is not whole, damaged or of
another competition is refused in words.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulmo.errors import Fault, UserError

ENSEMBLE = "ensemble.json"
COMPETITION = "competition"
_REMEDY = "Copy the whole of model/, or train"


def write_record(folder: Path, competition: str, record: dict[str, Any]) -> None:
    """Write the record into a model's folder."""
    text = json.dumps({COMPETITION: competition, **record}, indent=2, allow_nan=False) + "\n"
    (folder / ENSEMBLE).write_text(text)


@contextmanager
def reading_record(folder: Path, competition: str) -> Iterator[dict[str, Any]]:
    """The record of a model's folder; inside `with`, what it says is taken apart and other files are read.

    Args:
        folder: the model's.
        competition: the name of the one that reads it.

    Raises:
        UserError: a file is missing or damaged, a value is missing, or the model is of another competition.
    """
    path = folder / ENSEMBLE
    try:
        record = json.loads(path.read_text())
        if not isinstance(record, dict):
            raise TypeError("no JSON object")
        _check_competition(path, record.get(COMPETITION), competition)
        yield record
    except FileNotFoundError as error:
        raise UserError(Fault(str(error.filename or folder), "is missing from the model", _REMEDY)) from None
    except KeyError as error:
        what = f"has no {error}: it is damaged, or made by another version of pulmo"
        raise UserError(Fault(str(path), what, _REMEDY)) from None
    except (ValueError, TypeError, IndexError, AttributeError, OSError) as error:
        raise UserError(Fault(str(folder), f"cannot be read as a whole model ({error})", _REMEDY)) from None


def fold_networks(folder: Path, count: int) -> tuple[Path, ...]:
    """The files `fold0.keras` … of so many networks.

    Raises:
        UserError: some are missing; each is named.
    """
    files = tuple(folder / f"fold{number}.keras" for number in range(count))
    if missing := [file for file in files if not file.is_file()]:
        raise UserError(Fault(str(file), "is missing from the model", _REMEDY) for file in missing)
    return files


def _check_competition(path: Path, found: Any, competition: str) -> None:
    if found == competition:
        return
    if found is None:
        what = "does not say which competition the model is of: it is no model of this version of pulmo"
        raise UserError(Fault(str(path), what, "Train it again"))
    remedy = f"Name a model that `pulmo {competition} run` trained, or predict with `pulmo {found} predict`"
    raise UserError(Fault(str(path), f"is a model of {found}, not of {competition}", remedy))
