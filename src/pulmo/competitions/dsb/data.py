"""Several kinds of sources, one reader each → one table: which scans there are, where they lie, and their labels.

Kaggle's files (`stage1_labels.csv` and a folder a patient), LIDC-IDRI (series folders and annotations in XML), a folder
a class (such as MR of two tumour models), or scans without labels.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulmo.competitions.dsb.lidc import count_nodules, is_class_b, read_marks, series_of
from pulmo.competitions.dsb.submission import read_solution
from pulmo.errors import Fault, ScanError, UserError
from pulmo.files import files_below, folders_below, folders_of
from pulmo.imaging.listing import SeriesFolder, list_series
from pulmo.imaging.patient_ids import patients_of
from pulmo.imaging.slices import NotASliceError, read_slice_header
from pulmo.printable import printable
from pulmo.scoring.sample import read_sample_ids
from pulmo.training.folds import stratified_folds

SAMPLES = {"stage2_sample_submission.csv": "stage2", "stage1_sample_submission.csv": "stage1"}
"""Sample submissions, the later stage first, and the folder of their scans."""
LABELS, LATER_LABELS = "stage1_labels.csv", "stage1_solution.csv"
MOST_NAMES = 5
FEWER_FOLDS = "Give more of them, or set features.folds lower"


class Scans(NamedTuple):
    """What a source holds.

    Attributes:
        table: one row a scan: `id`, `patient`, `folder` (text; there may be none at that place), `label` (0, 1 or NaN
            where it is not known) and `requested`: whether Kaggle's sample has it.
        classes: what 0 and 1 mean.
        notes: what was left out, in words.
    """

    table: pd.DataFrame
    classes: tuple[str, str]
    notes: tuple[str, ...]


def find_scans(folder: Path, min_readers: int = 1, positive: str = "") -> Scans:
    """The scans below a folder, by the reader that its files call for; see `FeatureSettings`.

    Raises:
        UserError: the files contradict each other, or there is no scan.
    """
    if (folder / LABELS).is_file() or any((folder / name).is_file() for name in SAMPLES):
        return read_kaggle(folder)
    series, notes = _volumes(folder)
    annotations, strange = _annotations(folder, series)
    annotated = [scan for scan in series if scan.series in annotations]
    classes = _class_folders(folder, series)
    # A single annotation must not decide for hundreds of other scans, nor two patients pass for two classes.
    if annotated and (2 * len(annotated) >= len(series) or len(classes) != 2):
        scans = read_lidc(folder, series, annotations, min_readers)
    elif len(classes) == 2:
        scans = read_class_folders(folder, series, classes, positive)
        strange += (
            [
                f"The annotations of {_listed([_id(folder, scan.folder) for scan in annotated])} are not used: "
                "the other series have none, and all lie in two folders, a class each"
            ]
            if annotated
            else []
        )
    else:
        scans = read_unlabelled(folder, series)
    if scans.table.empty:
        raise UserError(Fault(str(folder), "holds no scan", "Name a folder of DICOM series, or of Kaggle's files"))
    patients, unnamed = patients_of(scans.table["id"].to_list(), scans.table["patient"].to_list(), "scans")
    table = scans.table.assign(patient=np.array(patients, object))
    return scans._replace(table=table, notes=(*notes, *strange, *scans.notes, *unnamed))


def read_kaggle(folder: Path) -> Scans:
    """Kaggle's labels, and the ids of its sample; a patient is a folder of `stage1/` or `stage2/`.

    With the sample of stage 2, `stage1_solution.csv`, where it is there, has the labels of more training scans.
    """
    sample = next((name for name in SAMPLES if (folder / name).is_file()), None)
    requested = read_sample_ids(folder / sample, "id") if sample else []
    later = (folder / LATER_LABELS).is_file() and sample is not None and SAMPLES[sample] == "stage2"
    files = [folder / name for name in (LABELS, *([LATER_LABELS] if later else [])) if (folder / name).is_file()]
    labels = dict[str, float]()
    for file in files:
        labels |= read_solution(file).set_index("id")["cancer"].astype(float).to_dict()
    rows = [(scan, "stage1", label, False) for scan, label in labels.items() if scan not in set(requested)]
    rows += [(scan, SAMPLES[sample or ""], np.nan, True) for scan in requested] if sample else []
    table = pd.DataFrame(rows, columns=["id", "stage", "label", "requested"])
    table["patient"] = table["id"]
    of_stage = {str(stage): folders_of(part["id"], folder / str(stage)) for stage, part in table.groupby("stage")}
    table["folder"] = [
        str(of_stage[stage].get(scan, folder / stage / scan))
        for stage, scan in zip(table["stage"], table["id"], strict=True)
    ]
    return Scans(_ordered(table), ("no cancer", "cancer"), tuple(_not_named(folder, table)))


def read_lidc(folder: Path, series: Sequence[SeriesFolder], annotations: Mapping[str, Path], min_readers: int) -> Scans:
    """LIDC-IDRI: class B, label 1, has two nodules or more; without an annotation that can be read, a label is unknown.

    Args:
        folder: above all of them.
        series: the volumes there.
        annotations: XML files by the SeriesInstanceUID that they are of, beside the slices or anywhere else.
        min_readers: see `count_nodules`.
    """
    rows, notes, unread = [], [], []
    for scan in series:
        name, label = _id(folder, scan.folder), np.nan
        path = annotations.get(scan.series)
        if path is None:
            unread.append(name)
        else:
            try:
                label = float(is_class_b(count_nodules(read_marks(path, _pixel_mm(scan.folder)), min_readers)))
            except ScanError as error:
                notes.append(f"The label of the scan {name} is not known: {error}")
        rows.append((name, scan.patient, str(scan.folder), label))
    if unread:
        notes.append(f"{_listed(unread)} without a label: no annotation names the series")
    return Scans(_table(rows), ("0–1 nodules", "2 nodules or more"), tuple(notes))


def read_class_folders(
    folder: Path, series: Sequence[SeriesFolder], classes: Sequence[str], positive: str = ""
) -> Scans:
    """Two folders, a class each; every folder below that holds a series is a scan.

    Raises:
        UserError: `positive` is none of them.
    """
    if positive and positive not in classes:
        remedy = f"Choose from {', '.join(classes)}"
        raise UserError(Fault("setting features.positive", f"{positive!r} is no class here", remedy))
    positive = positive or max(classes)
    negative = next(name for name in classes if name != positive)
    rows = [
        (_id(folder, scan.folder), scan.patient, str(scan.folder), float(_class_of(folder, scan.folder) == positive))
        for scan in series
        if _class_of(folder, scan.folder) in classes
    ]
    return Scans(_table(rows), (negative, positive), ())


def read_unlabelled(folder: Path, series: Sequence[SeriesFolder]) -> Scans:
    """Every folder that holds a series, be it `folder` itself."""
    rows = [(_id(folder, scan.folder), scan.patient, str(scan.folder), np.nan) for scan in series]
    return Scans(_table(rows), ("0", "1"), ())


def labels_of_classes(found: Scans, classes: tuple[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """The table of scans with labels that count `classes`, those of a model, which may be in reverse order.

    Returns:
        The table, and notes: one where the source's classes are others: then no label is known.
    """
    if found.classes == classes or not found.table["label"].notna().any():
        return found.table, []
    if found.classes[::-1] == classes:
        return found.table.assign(label=1 - found.table["label"]), []
    note = f"The labels are ignored: the classes here are {_either(found.classes)}, the model's {_either(classes)}"
    return found.table.assign(label=np.nan), [note]


def _either(classes: tuple[str, str]) -> str:
    return f"{classes[0]!r} and {classes[1]!r}"


def hidden_test(scans: pd.DataFrame, share: float, seed: int) -> np.ndarray:
    """Which scans are held out as a test set, bool (scans,): that share of the patients of each class."""
    if not share:
        return np.zeros(len(scans), bool)
    remedy = "Give more of them, set features.test_share higher, or 0 to hold none out"
    return np.asarray(balanced_folds(scans, round(1 / share), seed, remedy) == 0)


def balanced_folds(scans: pd.DataFrame, count: int, seed: int, remedy: str = FEWER_FOLDS) -> np.ndarray:
    """Folds by patient, (scans,) int, over which each class is spread evenly.

    Raises:
        UserError: a class has fewer patients than there are folds.
    """
    of_patient = scans.groupby("patient")["label"].max()
    for label in (0, 1):
        patients = int((of_patient == label).sum())
        if patients < count:
            what = f"{patients} patients of class {label} cannot fill {count} folds"
            scans_of = scans["patient"].value_counts()
            if len(scans) and scans_of.iloc[0] > len(scans) / 2:
                what += f": {scans_of.iloc[0]} of {len(scans)} scans are of one patient, {scans_of.index[0]!r}"
            raise UserError(Fault("the labelled scans", what, remedy))
    return stratified_folds(scans["patient"].to_numpy(str), scans["label"].to_numpy(), count, seed)


def _volumes(folder: Path) -> tuple[list[SeriesFolder], list[str]]:
    """Series that may be volumes; the others in words."""
    found = [series for series in list_series(folder) if series.modality or _may_be_broken(series.folder)]
    excluded = [series for series in found if series.exclusion]
    notes = [
        f"{_listed([_id(folder, series.folder) for series in alike])} left out: {reason}"
        for reason, alike in groupby(
            sorted(excluded, key=lambda series: series.exclusion), lambda series: series.exclusion
        )
    ]
    return [series for series in found if not series.exclusion], notes


def _annotations(folder: Path, series: Sequence[SeriesFolder]) -> tuple[dict[str, Path], list[str]]:
    """Files of annotations by the series that they are of, if it is here; the others in words."""
    files = [path for path in files_below(folder) if path.suffix.lower() == ".xml"]
    of_series = {name: path for path in files if (name := series_of(path))}
    here = {scan.series for scan in series}
    others = [printable(path.relative_to(folder)) for name, path in of_series.items() if name not in here]
    notes = [f"{_listed(others, 'annotations')} left out: of series that are not here"] if others else []
    return {name: path for name, path in of_series.items() if name in here}, notes


def _not_named(folder: Path, table: pd.DataFrame) -> list[str]:
    """Folders of scans that no table of Kaggle's names, in words."""
    notes = []
    for stage, part in table.groupby("stage"):
        known = {*part["id"], *(Path(scan).parent.name for scan in part["folder"])}
        place = folder / str(stage)
        there = sorted(place.iterdir()) if place.is_dir() else []
        if others := [printable(child.name) for child in there if child.is_dir() and child.name not in known]:
            notes.append(f"{_listed(others, 'scans')} of {stage}/ left out: neither labels nor a sample name them")
    return notes


def _may_be_broken(folder: Path) -> bool:
    """No file of it is DICOM, though one is called so: a scan to be named as unreadable, not passed over."""
    return any(path.suffix.lower() in (".dcm", ".ima") for path in folder.iterdir())


def _class_folders(folder: Path, series: Sequence[SeriesFolder]) -> list[str]:
    """Folders with series below them, not in them, if all series lie so."""
    depths = [scan.folder.relative_to(folder).parts for scan in series]
    return sorted({parts[0] for parts in depths}) if depths and all(len(parts) > 1 for parts in depths) else []


def _class_of(folder: Path, scan: Path) -> str:
    return scan.relative_to(folder).parts[0]


def _id(folder: Path, scan: Path) -> str:
    relative = scan.relative_to(folder).as_posix()
    return printable(folder.resolve().name if relative == "." else relative)


def _pixel_mm(folder: Path) -> tuple[float, float]:
    """PixelSpacing of a series, between rows and between columns. Raises ScanError where no slice has it."""
    _, names = next(folders_below(folder))
    for name in names:
        try:
            header = read_slice_header(folder / name)
        except (NotASliceError, OSError):
            continue
        header.require("PixelSpacing")
        if header.pixel_spacing_mm:
            return header.pixel_spacing_mm[0], header.pixel_spacing_mm[1]
    raise ScanError(Fault(str(folder), "no slice has a PixelSpacing", "Export the series again"))


def _table(rows: Sequence[tuple[str, str, str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["id", "patient", "folder", "label"])
    return _ordered(table.assign(requested=False))


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    return table[["id", "patient", "folder", "label", "requested"]].reset_index(drop=True)


def _listed(names: Sequence[str], what: str = "series") -> str:
    shown = ", ".join(names[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "")
    return f"{len(names)} {what} ({shown})"
