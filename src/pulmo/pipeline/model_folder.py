"""A trained model's folder: `ensemble.json`, everything inference needs besides networks, and the networks by family.

```
ensemble.json              competition, what it records, and of each family how many networks and whether with TTA
<family>/fold0.keras …     the networks of one kind, one a fold; or other models, as the family's stage has written them
```

It is written once, when the model is made, and read before anything is predicted, so that a model that is incomplete,
damaged or of another competition is refused with the reason.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pulmo.errors import Fault, UserError

ENSEMBLE = "ensemble.json"
_COMPETITION, _FAMILIES, _NETWORKS, _TTA = "competition", "families", "networks", "tta_flip"
_REMEDY = "Copy the whole of model/, or train"


class Family(NamedTuple):
    """The networks of one kind: their `files`, one a fold, none where the family was left out; with `tta_flip` the mean
    over an image and its mirror image is predicted, as it was when the networks were validated."""

    files: tuple[Path, ...]
    tta_flip: bool


class Source(NamedTuple):
    """A family as its stage left it: the `folder` of its models, and its `tta_flip`."""

    folder: Path
    tta_flip: bool = False


class ModelFolder(NamedTuple):
    """A model read from its folder: the `record` as it was written, and its `families` by name."""

    record: dict[str, Any]
    families: dict[str, Family]


def write_model(folder: Path, competition: str, record: Mapping[str, Any], families: Mapping[str, Source]) -> None:
    """Write a model into an empty folder.

    Args:
        folder: is there, and empty.
        competition: whose model it is.
        record: what `ensemble.json` holds besides, JSON-able.
        families: where each has its models; an empty folder is left out.
    """
    counts = {name: len(list(source.folder.glob("*.keras"))) for name, source in families.items()}
    described = {name: {_NETWORKS: counts[name], _TTA: source.tta_flip} for name, source in families.items()}
    text = json.dumps({_COMPETITION: competition, **record, _FAMILIES: described}, indent=2, allow_nan=False) + "\n"
    (folder / ENSEMBLE).write_text(text)
    for name, source in families.items():
        if any(source.folder.iterdir()):
            shutil.copytree(source.folder, folder / name)


def competition_of(folder: Path) -> str:
    """The name of the competition that a model is of.

    Raises:
        UserError: the folder holds no model of a competition, or its `ensemble.json` is damaged.
    """
    path = folder / ENSEMBLE
    try:
        name = json.loads(path.read_text())[_COMPETITION]
    except FileNotFoundError:
        what, remedy = f"is not a trained model: it holds no {ENSEMBLE}", "Name the model/ folder of a run"
        raise UserError(Fault(str(folder), what, remedy)) from None
    except (ValueError, TypeError, LookupError) as error:
        raise UserError(Fault(str(path), f"does not name the model's competition ({error})", _REMEDY)) from None
    return str(name)


@contextmanager
def reading_model(folder: Path, competition: str) -> Iterator[ModelFolder]:
    """A model's record and families; inside `with`, values are taken out of the record and other files are read.

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
        _check_competition(path, record.get(_COMPETITION), competition)
        families = {
            name: Family(_networks(folder / name, family[_NETWORKS]), family[_TTA])
            for name, family in record[_FAMILIES].items()
        }
        yield ModelFolder(record, families)
    except FileNotFoundError as error:
        raise UserError(Fault(str(error.filename or folder), "is missing from the model", _REMEDY)) from None
    except KeyError as error:
        what = f"has no {error}: it is damaged, or made by another version of pulmo"
        raise UserError(Fault(str(path), what, _REMEDY)) from None
    except (ValueError, TypeError, IndexError, AttributeError, OSError) as error:
        raise UserError(Fault(str(folder), f"cannot be read as a whole model ({error})", _REMEDY)) from None


def _networks(folder: Path, count: int) -> tuple[Path, ...]:
    """The files `fold0.keras` … of so many networks; every missing one is an error."""
    files = tuple(folder / f"fold{number}.keras" for number in range(count))
    if missing := [file for file in files if not file.is_file()]:
        raise UserError(Fault(str(file), "is missing from the model", _REMEDY) for file in missing)
    return files


def _check_competition(path: Path, found: Any, competition: str) -> None:
    if found == competition:
        return
    if found is None:
        what = "does not name the model's competition: it is no model of this version of pulmo"
        raise UserError(Fault(str(path), what, "Train it again"))
    remedy = f"Name a model that `pulmo {competition} run` trained, or predict with `pulmo {found} predict`"
    raise UserError(Fault(str(path), f"is a model of {found}, not of {competition}", remedy))
