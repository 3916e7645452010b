"""Kaggle's files → what every model learns from: visit pairs, CT statistics, lung slices, folds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pulmo.competitions.osic.ct_statistics import measure_scans, read_published, without_statistics
from pulmo.competitions.osic.data import read_visits, scan_folders
from pulmo.competitions.osic.settings import FeatureSettings
from pulmo.competitions.osic.slices import PatientSlices, no_slices
from pulmo.competitions.osic.visit_pairs import CLINICAL_COLUMNS, forward_pairs, pair_weights
from pulmo.errors import Fault, UserError
from pulmo.models.quantiles import Examples
from pulmo.pipeline.fingerprint import digest_file
from pulmo.pipeline.stage import Stage
from pulmo.training.folds import folds_by_group

FVC_PER_VOLUME = "log_fvc_per_lung_volume"
"""The logarithm of FVC over the lung volume in the CT, derived wherever `lung_litres` is among the columns."""


def run(stage: Stage, settings: FeatureSettings) -> None:
    """Write all that `__init__` declares; `lung_slices` are of `sliced_patients`, `description` is in words."""
    visits = read_visits(stage.data / "train.csv")
    patients = visits["patient"].drop_duplicates().to_list()
    pairs = forward_pairs(visits)
    _enough_patients(pairs, settings.folds, str(stage.data / "train.csv"))
    statistics, slices, source, columns = _statistics(stage, settings, patients)
    folds = pd.DataFrame({"patient": patients, "fold": folds_by_group(patients, settings.folds, stage.seed)})
    stage.write("visit_pairs", pairs)
    stage.write("scan_statistics", statistics.reset_index())
    stage.write("sliced_patients", pd.DataFrame({"patient": pd.Series(slices.patients, dtype=object)}))
    stage.write("lung_slices", slices.hu)
    stage.write("folds", folds)
    stage.write(
        "description",
        {
            "ct_source": source,
            "ct_columns": columns,
            "slice_format": settings.slice_format()._asdict(),
            "patients": len(patients),
            "patients_with_ct": len(patients) - len(without_statistics(statistics, columns, patients)),
            "visits": len(visits),
            "pairs": len(pairs),
        },
    )


def model_features(pairs: pd.DataFrame, statistics: pd.DataFrame, ct_columns: Sequence[str]) -> np.ndarray:
    """The models' features, for training and prediction alike.

    Args:
        pairs: from `forward_pairs` or `requested_pairs`.
        statistics: CT statistics of the patients, indexed by `patient`; those of others are unknown.
        ct_columns: which of them enter.

    Returns:
        (pairs, columns) float64, NaN where unknown: CLINICAL_COLUMNS, `ct_columns`, and where `lung_litres` is one
        of these, FVC_PER_VOLUME. Weeks before the baseline count as the baseline, before which nothing is known.
    """
    ct = statistics.reindex(index=pairs["patient"], columns=list(ct_columns)).reset_index(drop=True)
    table = pd.concat([pairs[list(CLINICAL_COLUMNS)].reset_index(drop=True), ct], axis=1)
    table["gap_weeks"] = table["gap_weeks"].clip(lower=0)
    if "lung_litres" in table:
        table[FVC_PER_VOLUME] = np.log(table["fvc_from_ml"] / (1000 * table["lung_litres"]))
    return table.to_numpy(np.float64)


def training_examples(pairs: pd.DataFrame, statistics: pd.DataFrame, ct_columns: Sequence[str]) -> Examples:
    """All pairs as training examples: features, change in ml, weights, patients; and which of them Kaggle
    would score, those from the first visit to one of the last three."""
    return Examples(
        model_features(pairs, statistics, ct_columns),
        pairs["change_ml"].to_numpy(np.float64),
        pair_weights(pairs),
        pairs["patient"].to_numpy(str),
        (pairs["is_baseline_pair"] & pairs["is_last_three"]).to_numpy(),
    )


def read_examples(stage: Stage) -> tuple[pd.DataFrame, Examples]:
    """The visit pairs of the stage `features`, as a table and as examples in the same order."""
    pairs = stage.read("features/visit_pairs")
    statistics = stage.read("features/scan_statistics").set_index("patient")
    return pairs, training_examples(pairs, statistics, stage.read("features/description")["ct_columns"])


def _statistics(
    stage: Stage, settings: FeatureSettings, patients: list[str]
) -> tuple[pd.DataFrame, PatientSlices, dict[str, str], list[str]]:
    """CT statistics, slices, where they come from, and which columns enter the models."""
    wanted = settings.slice_format()
    if settings.ct_statistics is not None:
        # Of all patients in the file: those to be predicted may be among them, and the model takes the table along.
        statistics = read_published(settings.ct_statistics)
        columns = statistics.columns.to_list()
        unknown = len(without_statistics(statistics, columns, patients))
        if unknown:
            stage.note(f"{settings.ct_statistics.name} lacks {unknown} of {len(patients)} patients")
        source = {"file": settings.ct_statistics.name, "sha256": digest_file(settings.ct_statistics)}
        return statistics, no_slices(wanted), {"kind": "published", **source}, columns
    folders = scan_folders(stage.data / "train", patients)
    statistics, slices = measure_scans(stage, folders, patients, wanted)
    columns = list(settings.scan_columns)
    _known_columns(columns, statistics)
    scans = len(patients) - len(without_statistics(statistics, columns, patients))
    if scans < settings.minimum_scans:
        stage.note(
            f"CT statistics are left out of the models: those of {settings.minimum_scans} patients are needed, and "
            f"there are {scans}"
        )
        return statistics, slices, {"kind": "none"}, []
    return statistics, slices, {"kind": "own"}, columns


def _enough_patients(pairs: pd.DataFrame, folds: int, file: str) -> None:
    followed = pairs["patient"].nunique()
    # Cross-validation fits on folds of folds; two patients a fold is the least that fills them.
    if followed < 2 * folds:
        raise UserError(
            Fault(
                file,
                f"{followed} patients were seen more than once",
                f"Give at least {2 * folds}, or set features.folds lower",
            )
        )


def _known_columns(columns: list[str], statistics: pd.DataFrame) -> None:
    """Of scans that could not be read, or are not there, no column is known at all."""
    measured = [column for column in statistics.columns if column != "error"]
    unknown = [column for column in columns if column not in measured]
    if measured and unknown:
        remedy = f"Choose from {', '.join(measured)}"
        raise UserError(Fault("setting features.scan_columns", f"{name!r} is not measured", remedy) for name in unknown)
