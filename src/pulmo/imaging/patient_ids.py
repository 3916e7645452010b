"""The patient of each scan or X-ray by the PatientID in its header, which in anonymised files may name nobody."""

from collections import Counter
from collections.abc import Sequence

NAMELESS = frozenset(
    ("", "ANON", "ANONYM", "ANONYMOUS", "ANONYMIZED", "ANONYMISED", "NONE", "NULL", "NA", "N/A", "UNKNOWN", "XXX")
)
"""PatientIDs that anonymisation leaves, in capitals and without leading zeros."""


def patients_of(ids: Sequence[str], names: Sequence[str], things: str) -> tuple[list[str], list[str]]:
    """The patient of each scan or X-ray.

    A placeholder that anonymised files share does not identify a patient: each file with one counts as a patient of its
    own, and so does each where all have the same PatientID.

    Args:
        ids: of the scans, each once.
        names: the PatientID of each; empty where there is none.
        things: "scans" or "X-rays", for the note.

    Returns:
        The patient of each; and a note where two or more share a placeholder.
    """
    same = len(ids) > 1 and len(set(names)) == 1
    nameless = [same or name.strip().strip("_^").upper().lstrip("0") in NAMELESS for name in names]
    patients = [id_ if unknown else name for id_, name, unknown in zip(ids, names, nameless, strict=True)]
    shared = Counter(name for name, unknown in zip(names, nameless, strict=True) if unknown)
    many = {name: count for name, count in shared.items() if count > 1}
    if not many:
        return patients, []
    shares = ", ".join(
        f"{'all' if count == len(ids) else count} have " + (f"the same PatientID {name!r}" if name else "no PatientID")
        for name, count in many.items()
    )
    note = (
        f"Of {len(ids)} {things}, {shares}: each of these counts as a patient of its own. If one person has several, "
        "they may be on both sides of a split, and estimates are too optimistic"
    )
    return patients, [note]
