"""The Data Science Bowl's files, or another source's, checked before long work: labels, classes, scans."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from pulmo.competitions.dsb.data import FEWER_FOLDS, find_scans
from pulmo.competitions.dsb.settings import Settings
from pulmo.competitions.dsb.volumes import VolumeFormat, modality_of
from pulmo.errors import Fault
from pulmo.files import located
from pulmo.imaging.mr import read_mr
from pulmo.imaging.reading import read_volume
from pulmo.pipeline.data_check import LIBRARY_BYTES, SAMPLED, ImageTable, attempt, check_images, combined, sample
from pulmo.protocols import DataCheck

SCAN_BYTES = 1_000_000_000
"""A scan of 500 slices in Hounsfield units (float32), its mask, and what segmentation takes beside them."""
VOXEL_BYTES = 2


def check(data: Path, settings: Settings) -> DataCheck:
    """Check labels and scans; see `pulmo.protocols.DataChecker`."""
    features = settings.features
    found, faults = attempt(lambda: find_scans(data, features.min_readers, features.positive))
    if found is None:
        return DataCheck({}, faults)
    scans = found.table
    labelled = scans[scans["label"].notna()]
    for label, name in enumerate(found.classes):
        patients = labelled.loc[labelled["label"] == label, "patient"].nunique()
        if patients < features.folds:
            what = f"{patients} patients of class {name!r} cannot fill {features.folds} folds"
            faults = (*faults, Fault(str(data), what, FEWER_FOLDS))
    folders = {id_: located(folder) for id_, folder in zip(scans["id"], scans["folder"], strict=True)}
    there = {id_: folder for id_, folder in folders.items() if folder.is_dir()}
    modality = modality_of([there[id_] for id_ in sample(list(there), SAMPLED)])
    read = read_volume if modality == "CT" else read_mr
    wanted = VolumeFormat(modality, features.lung_format())
    voxels = math.prod(wanted.shape)
    counts: dict[str, int | str] = {
        "modality": modality,
        "scans with a label": len(labelled),
        **{f"of class {name!r}": int((labelled["label"] == label).sum()) for label, name in enumerate(found.classes)},
    }
    disk = len(scans) * voxels * VOXEL_BYTES
    own = DataCheck(counts, faults, found.notes, disk, LIBRARY_BYTES + SCAN_BYTES + disk)
    training, test = (scans.loc[scans["requested"] == requested, "id"].to_list() for requested in (False, True))
    return combined([own, _scans("training scans", training, there, read), _scans("test scans", test, there, read)])


def _scans(title: str, ids: list[str], folders: Mapping[str, Path], read: Callable[[Path], object]) -> DataCheck:
    if not ids:
        return DataCheck({})
    images = {id_: folders[id_] for id_ in ids if id_ in folders}
    remedy = "Put Kaggle's scans there, a folder a patient, or name another folder with --data"
    return check_images(
        ImageTable(
            title,
            lambda: ids,
            lambda: images,
            read,
            lambda ids: Fault(title, f"none of {len(ids)} has a folder, such as {ids[0]!r}", remedy),
        )
    )
