"""A test set cut from training data to rehearse on: which patients are hidden, and where their images go.

One in eight is hidden, with all that its patient has, and never as many as the public test set has. The first of them
loses its image and the second's is cut short, as images on Kaggle can be.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pulmo.errors import Fault, UserError
from pulmo.files import files_below
from pulmo.pipeline.links import link_or_copy

ONE_OF = 8


def choose_hidden(
    names: Sequence[str], public: int, seed: int, source: Path, patient_of: Mapping[str, str] | None = None
) -> list[str]:
    """The names to hide, sorted: whole patients, so that no patient is on both sides.

    Args:
        names: of patients, scans or images, each once.
        public: how many the public test set has.
        seed: of the random choice.
        source: the file of the names, for the error.
        patient_of: the patient of each scan or image; without it, each name is a patient.

    Raises:
        UserError: there are too few.
    """
    patient_of = patient_of or {name: name for name in names}
    names_of: dict[str, list[str]] = {}
    for name in sorted(names):
        names_of.setdefault(patient_of[name], []).append(name)
    count = max(len(names) // ONE_OF, 2)
    count += count == public
    patients = sorted(names_of)
    hidden: list[str] = []
    for place in np.random.default_rng(seed).permutation(len(patients)):
        if len(hidden) >= count and len(hidden) != public:
            break
        of_patient = names_of[patients[place]]
        if 2 * (len(hidden) + len(of_patient)) <= len(names):  # a patient who has most of them is not hidden
            hidden += of_patient
    if len(hidden) < count or len(hidden) == public:
        what = f"has only {len(names)}, of {len(patients)} patients, to hide some of"
        raise UserError(Fault(str(source), what, f"Give at least {2 * count}, of several patients"))
    return sorted(hidden)


def place_images(images: Mapping[str, Path], hidden: Sequence[str], train: Path, test: Path) -> None:
    """Link each image, a file or a folder of slices, into `train` or, of the hidden, `test`; damage two of those.

    Files become other names for the same ones where the disk allows it, so that nothing is copied; damaged ones are
    written anew. Nothing that `images` names is changed.
    """
    train.mkdir(parents=True)
    test.mkdir(parents=True)
    gone, broken, *_ = [*(name for name in hidden if name in images), "", ""]
    for name, path in images.items():
        target = (test if name in hidden else train) / (f"{name}{path.suffix}" if path.is_file() else name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if name != gone:
            _place(path, target, whole=name != broken)


def _place(source: Path, target: Path, whole: bool) -> None:
    place = link_or_copy if whole else _cut_short
    if source.is_dir():
        for file in files_below(source):
            (target / file.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            place(file, target / file.relative_to(source))
    else:
        place(source, target)


def _cut_short(source: str | Path, target: str | Path) -> None:
    content = Path(source).read_bytes()
    Path(target).write_bytes(content[: len(content) // 2])
