"""Test files and `model/` → FVC and Confidence for every patient and week that Kaggle asks for."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from pulmo.competitions.osic.ct_statistics import measure_scans, without_statistics
from pulmo.competitions.osic.data import FIRST_WEEK, LAST_WEEK, every_week, read_sample, read_visits, scan_folders
from pulmo.competitions.osic.ensemble import filled
from pulmo.competitions.osic.features import model_features
from pulmo.competitions.osic.settings import PredictSettings
from pulmo.competitions.osic.slices import PatientSlices, no_slices
from pulmo.competitions.osic.submission import to_submission
from pulmo.competitions.osic.trained_model import NETWORK, TrainedModel, read_model
from pulmo.competitions.osic.visit_pairs import requested_pairs
from pulmo.errors import Fault, UserError
from pulmo.pipeline.stage import Stage
from pulmo.scoring.tables import place


def run(stage: Stage, settings: PredictSettings) -> None:
    """Write `predictions` and, in Kaggle's text, `submission`."""
    model = read_model(stage.input("fit_ensemble/model"))
    visits = read_visits(stage.data / "test.csv")
    requested = _requested(stage, visits)
    patients = [patient for patient in visits["patient"].drop_duplicates() if patient in set(requested["patient"])]
    statistics, slices = _scans(stage, model, patients)
    with ExitStack() as scopes:
        if model.networks:
            from pulmo.training.device import computing_on

            scopes.enter_context(computing_on(stage.device))
        predictions = predict(model, visits, requested, statistics, slices)
    stage.write("predictions", predictions)
    stage.write_csv("submission", to_submission(predictions))


def predict(
    model: TrainedModel,
    visits: pd.DataFrame,
    requested: pd.DataFrame,
    statistics: pd.DataFrame,
    slices: PatientSlices | None = None,
) -> pd.DataFrame:
    """Forecast FVC and Confidence of given patients and weeks.

    Args:
        model: as read from its folder.
        visits: as `read_visits` gives them; each patient's baseline is enough.
        requested: `patient` and `week`, any week.
        statistics: CT statistics indexed by `patient`.
        slices: what the networks see; patients without are forecast by the other models.

    Returns:
        `Patient`, `Weeks`, `FVC` and `Confidence` (ml) in the order of `requested`.
    """
    pairs = requested_pairs(visits, requested)
    features = model_features(pairs, statistics, model.ct_columns)
    slices = slices or no_slices(model.slice_format)
    quantiles_ml = [
        _network_quantiles(model.networks, pairs, slices) if name == NETWORK else model.models[name].predict(features)
        for name in model.names
    ]
    medians_ml = filled(np.stack(quantiles_ml)[:, :, 1])
    forecast = model.ensemble.forecast(medians_ml, pairs)
    return pd.DataFrame(
        {
            "Patient": pairs["patient"],
            "Weeks": pairs["week_to"],
            "FVC": forecast.fvc_ml,
            "Confidence": forecast.confidence_ml,
        }
    )


def _network_quantiles(files: Sequence[Path], pairs: pd.DataFrame, slices: PatientSlices) -> np.ndarray:
    from pulmo.competitions.osic.cnn import predict_pairs

    return predict_pairs(files, pairs, slices)


def _requested(stage: Stage, visits: pd.DataFrame) -> pd.DataFrame:
    path = stage.data / "sample_submission.csv"
    if not path.is_file():
        stage.note(f"There is no {path}: weeks {FIRST_WEEK} to {LAST_WEEK} of every test patient are predicted")
        return every_week(visits["patient"].drop_duplicates())
    requested = read_sample(path)
    unknown = requested[~requested["patient"].isin(visits["patient"])].drop_duplicates("patient")
    if len(unknown):
        raise UserError(
            Fault(
                place(str(path), row, "Patient_Week"),
                f"asks for patient {patient!r}, who is not in {stage.data / 'test.csv'}",
                "Use the test.csv and the sample of the same download",
            )
            for row, patient in zip(unknown.index.to_list(), unknown["patient"], strict=True)
        )
    return requested


def _scans(stage: Stage, model: TrainedModel, patients: list[str]) -> tuple[pd.DataFrame, PatientSlices]:
    """The test patients' CT statistics, from where the model had its own, and their slices if it looks at them."""
    if model.ct_source["kind"] == "own" or model.networks:
        return measure_scans(stage, scan_folders(stage.data / "test", patients), patients, model.slice_format)
    none = no_slices(model.slice_format)
    if model.published is None:
        return pd.DataFrame(index=pd.Index([], name="patient")), none
    unknown = without_statistics(model.published, model.ct_columns, patients)
    if unknown:
        stage.note(
            f"The model was trained with the CT statistics of {model.ct_source['file']}, which lacks {len(unknown)} of "
            f"{len(patients)} patients, such as {unknown[0]}: the training patients' median stands in"
        )
    return model.published, none
