"""Any source's files → what the network learns from: scans with labels and folds, and their volumes."""

import numpy as np

from pulmo.competitions.dsb.data import balanced_folds, find_scans, hidden_test
from pulmo.competitions.dsb.settings import FeatureSettings
from pulmo.competitions.dsb.volumes import VolumeFormat, make_volumes, modality_of
from pulmo.errors import Fault, UserError
from pulmo.files import located
from pulmo.pipeline.stage import Stage


def run(stage: Stage, settings: FeatureSettings) -> None:
    """Write `scans` (`id`, `patient`, `label`, `fold`), their `volumes` in the same order, and a `description`."""
    found = find_scans(stage.data, settings.min_readers, settings.positive)
    for note in found.notes:
        stage.note(note)
    labelled = found.table[found.table["label"].notna()].reset_index(drop=True)
    if unlabelled := int(found.table["label"].isna().sum() - found.table["requested"].sum()):
        stage.note(f"{unlabelled} scans without a label are not learned from")
    if labelled["label"].nunique() < 2:
        remedy = "Give scans of two classes: Kaggle's files, LIDC-IDRI with its XML, or a folder a class"
        raise UserError(Fault(str(stage.data), "holds no labelled scans of two classes", remedy))
    if not found.table["requested"].any():
        held_out = hidden_test(labelled, settings.test_share, stage.seed)
        labelled = labelled[~held_out].reset_index(drop=True)
        if held_out.any():
            stage.note(
                f"{held_out.sum()} scans are held out as a test set, by patient; {len(labelled)} are learned from"
            )
    wanted = VolumeFormat(modality_of([located(folder) for folder in labelled["folder"]]), settings.lung_format())
    scans, volumes = make_volumes(stage, labelled, wanted)
    fold = balanced_folds(scans, settings.folds, stage.seed)
    stage.write("scans", scans[["id", "patient"]].assign(label=scans["label"].astype(np.int64), fold=fold))
    stage.write("volumes", volumes)
    stage.write(
        "description",
        {
            "classes": list(found.classes),
            "min_readers": settings.min_readers,
            "volumes": wanted.to_json(),
            "training_scans": labelled["id"].to_list(),
        },
    )
