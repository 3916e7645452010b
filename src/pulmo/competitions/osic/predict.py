"""Test files and `model/` → FVC and Confidence for every patient and week that Kaggle asks for."""

import numpy as np
import pandas as pd

from pulmo.competitions.osic.ct_statistics import measure_scans, without_statistics
from pulmo.competitions.osic.data import FIRST_WEEK, LAST_WEEK, every_week, read_sample, read_visits, scan_folders
from pulmo.competitions.osic.features import model_features
from pulmo.competitions.osic.settings import PredictSettings
from pulmo.competitions.osic.submission import to_submission
from pulmo.competitions.osic.trained_model import TrainedModel, read_model
from pulmo.competitions.osic.visit_pairs import asked_pairs
from pulmo.errors import Fault, UserError
from pulmo.pipeline.stage import Stage
from pulmo.scoring.tables import place
from pulmo.training.cross_validation import mean_prediction


def run(stage: Stage, settings: PredictSettings) -> None:
    """Write `predictions` and, in Kaggle's text, `submission`."""
    model = read_model(stage.input("fit_ensemble/model"))
    visits = read_visits(stage.data / "test.csv")
    asked = _asked(stage, visits)
    patients = [patient for patient in visits["patient"].drop_duplicates() if patient in set(asked["patient"])]
    predictions = predict(model, visits, asked, _statistics(stage, model, patients))
    stage.write("predictions", predictions)
    stage.write_csv("submission", to_submission(predictions))


def predict(model: TrainedModel, visits: pd.DataFrame, asked: pd.DataFrame, statistics: pd.DataFrame) -> pd.DataFrame:
    """Forecast what is asked for.

    Args:
        model: as read from its folder.
        visits: as `read_visits` gives them; each patient's baseline is enough.
        asked: `patient` and `week`, any week.
        statistics: CT statistics indexed by `patient`.

    Returns:
        `Patient`, `Weeks`, `FVC` and `Confidence` (ml) in the order of `asked`.
    """
    pairs = asked_pairs(visits, asked)
    features = model_features(pairs, statistics, model.ct_columns)
    medians_ml = np.stack([mean_prediction(folds, features)[:, 1] for folds in model.models.values()])
    forecast = model.ensemble.forecast(medians_ml, pairs["fvc_from_ml"].to_numpy(), pairs["gap_weeks"].to_numpy())
    return pd.DataFrame(
        {
            "Patient": pairs["patient"],
            "Weeks": pairs["week_to"],
            "FVC": forecast.fvc_ml,
            "Confidence": forecast.confidence_ml,
        }
    )


def _asked(stage: Stage, visits: pd.DataFrame) -> pd.DataFrame:
    path = stage.data / "sample_submission.csv"
    if not path.is_file():
        stage.note(f"There is no {path}: weeks {FIRST_WEEK} to {LAST_WEEK} of every test patient are predicted")
        return every_week(visits["patient"].drop_duplicates())
    asked = read_sample(path)
    unknown = asked[~asked["patient"].isin(visits["patient"])].drop_duplicates("patient")
    if len(unknown):
        raise UserError(
            Fault(
                place(str(path), row, "Patient_Week"),
                f"asks for patient {patient!r}, who is not in {stage.data / 'test.csv'}",
                "Use the test.csv and the sample of the same download",
            )
            for row, patient in zip(unknown.index.to_list(), unknown["patient"], strict=True)
        )
    return asked


def _statistics(stage: Stage, model: TrainedModel, patients: list[str]) -> pd.DataFrame:
    """The test patients' CT statistics, from where the model had its own."""
    if model.ct_source["kind"] == "own":
        return measure_scans(stage, scan_folders(stage.data / "test", patients), patients, "test scans")
    if model.published is None:
        return pd.DataFrame(index=pd.Index([], name="patient"))
    unknown = without_statistics(model.published, model.ct_columns, patients)
    if unknown:
        stage.note(
            f"The model was trained with the CT statistics of {model.ct_source['file']}, which says nothing about "
            f"{', '.join(unknown)}: the training patients' median stands in"
        )
    return model.published
