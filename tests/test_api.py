"""pulmo as a library: names that load when used, a competition scored, trained and asked through one object."""

import ast
import gc
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

import pulmo
from pulmo.competition import competition_names
from pulmo.errors import ParticipantVisibleError, UserError
from tests.competitions.small import FILES, PHANTOM, Small, small

__all__ = ["small"]

HEAVY = ("numpy", "pandas", "pydicom", "cv2", "keras", "tensorflow", "lightgbm", "pydantic", "typer")
SAMPLE = "id,value\nc1,0\nd1,0\n"
MODEL = '{"competition": "small", "mean": 2.5}'
OF_IMAGES = {
    "predict.py": """
import json
import pandas as pd

def run(stage, settings):
    mean = json.loads((stage.input("fit_ensemble/model") / "ensemble.json").read_text())["mean"]
    images = sorted(path.relative_to(stage.data / "test").as_posix() for path in (stage.data / "test").rglob("*.png"))
    stage.note(f"{len(images)} images")
    stage.write_csv("submission", pd.DataFrame({"id": images, "value": mean}))
"""
}
OF_A_TABLE = {
    "__init__.py": FILES["__init__.py"].replace("kaggle_slug=", 'test_table="test.csv", kaggle_slug='),
    "predict.py": FILES["predict.py"].replace("sample_submission.csv", "test.csv"),
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of the competition `small`."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "ensemble.json").write_text(MODEL)
    return folder


def test_importing_pulmo_loads_no_library() -> None:
    code = f"import sys, pulmo; print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


def test_type_checkers_and_callers_see_the_same_names() -> None:
    (checked,) = [node for node in ast.parse(inspect.getsource(pulmo)).body if isinstance(node, ast.If)]
    imported = {
        alias.asname: node.module for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == vars(pulmo)["_MODULES"]
    for name, module in imported.items():
        assert getattr(pulmo, str(name)) is getattr(import_module(str(module)), str(name))
        assert getattr(pulmo, str(name)).__doc__


def test_every_competition_is_an_attribute() -> None:
    assert {*competition_names(), "read_volume", "predict"} <= set(dir(pulmo))
    assert repr(pulmo.osic) == (
        "<OSIC Pulmonary Fibrosis Progression: modified Laplace log likelihood, greater is better>"
    )
    with pytest.raises(AttributeError, match="module 'pulmo' has no attribute 'oscar'"):
        _ = pulmo.oscar


def test_an_id_column_of_another_name() -> None:
    truth = pd.DataFrame({"id": ["a", "b"], "cancer": [1, 0]})
    half = pd.DataFrame({"id": ["b", "a"], "cancer": [0.5, 0.5]})
    assert pulmo.dsb.score(truth, half) == pytest.approx(0.693147, abs=1e-6)  # ln 2
    names = {"id": "scan"}
    assert pulmo.dsb.score(truth.rename(columns=names), half.rename(columns=names), "scan") == pytest.approx(
        0.693147, abs=1e-6
    )


def test_validate_names_the_sample_and_changes_nothing() -> None:
    sample = pd.DataFrame({"id": ["a", "b"], "cancer": 0.5})
    pulmo.dsb.validate(sample, sample)
    with pytest.raises(ParticipantVisibleError, match="Add a row for each id of the sample submission"):
        pulmo.dsb.validate(sample.head(1), sample)
    assert sample.attrs == {}


def test_demo_data_trained_and_predicted(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record = FILES["fit_ensemble.py"].replace('{"mean"', '{"competition": "small", "mean"')
    small.make({"phantom.py": PHANTOM, "fit_ensemble.py": record})
    demo = pulmo.small.demo_data("demo", rows=2)
    with pytest.raises(UserError, match=r"demo.data: is there already"):
        pulmo.small.demo_data("demo")
    run = pulmo.small.train(str(demo.data), "mine", settings={"features.factor": 3.0})
    assert (run.score, run.standard_error) == (1.0, 0.1)
    assert run.submission == Path("submissions/small/mine/submission.csv")
    answer = pulmo.predict(run.model, demo.data)
    assert answer.submission.to_dict("list") == {"id": ["c1", "d1"], "value": ["3.0", "3.0"]}
    # (3 − 3)² and (9 − 3)²
    assert pulmo.small.score(pulmo.small.read_solution(demo.solution), answer.submission) == 18.0
    with pytest.raises(UserError, match=r"Did you mean features\.factor"):
        pulmo.small.train(demo.data, settings={"features.facto": 3.0})


@pytest.mark.usefixtures("model")
def test_files_and_folders_become_the_test_set(small: Small, tmp_path: Path) -> None:
    small.make(OF_IMAGES)
    for name in ("one/a.png", "one/b.png", "two/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def ids(*paths: Path) -> list[str]:
        found = pulmo.predict(tmp_path / "model", paths[0] if len(paths) == 1 else paths)
        assert found.notes == (f"{len(found.submission)} images",)
        return found.submission["id"].to_list()

    assert ids(tmp_path / "one/a.png") == ["a.png"]
    assert ids(tmp_path / "one/b.png", tmp_path / "one/a.png") == ["a.png", "b.png"]
    assert ids(tmp_path / "two", tmp_path / "one/b.png") == ["b.png"]  # links to folders are not followed here
    with pytest.raises(UserError, match=r"two/a\.png: is the second of the name a\.png"):
        ids(tmp_path / "one/a.png", tmp_path / "two/a.png")
    with pytest.raises(UserError, match=r"c\.png: there is no such file or folder"):
        ids(tmp_path / "c.png")
    with pytest.raises(UserError, match="data: no path is given"):
        pulmo.predict(tmp_path / "model", [])
    with pytest.raises(UserError, match="small predicts images, not a table"):
        pulmo.predict(tmp_path / "model", pd.DataFrame({"id": ["a"]}))


def test_a_table_of_the_test_set(small: Small, model: Path, tmp_path: Path) -> None:
    small.make(OF_A_TABLE)
    table = pd.DataFrame({"id": ["x"], "age": [60]})
    assert pulmo.predict(model, table).submission["id"].to_list() == ["x"]
    with pytest.raises(UserError, match=r"test\.csv is missing, which small needs.*or that table as a DataFrame"):
        pulmo.predict(model, tmp_path)


def test_faults_of_a_table_do_not_name_a_temporary_file(small: Small, model: Path) -> None:
    reading = f"from pulmo.scoring.tables import read_table\n{OF_A_TABLE['predict.py']}".replace(
        'pd.read_csv(stage.data / "test.csv")', 'read_table(stage.data / "test.csv", ["id"])'
    )
    small.make({**OF_A_TABLE, "predict.py": reading})
    with pytest.raises(UserError, match=r"^data: has no column 'id'"):
        pulmo.predict(model, pd.DataFrame({"age": [60], "sex": ["F"]}))


def test_notes_name_the_files_that_were_given(small: Small, model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    noting = OF_IMAGES["predict.py"].replace('f"{len(images)} images"', "f\"{stage.data / 'test/a.png'} is dark\"")
    small.make({"predict.py": noting})
    assert pulmo.predict(model, tmp_path / "a.png").notes == (f"{tmp_path / 'a.png'} is dark",)


def test_wrong_types_are_named(small: Small, model: Path, tmp_path: Path) -> None:
    small.make()
    table = pd.DataFrame({"id": ["a"], "value": [1.0]})
    with pytest.raises(TypeError, match=r"solution is a str: give a DataFrame; pulmo\.small\.read_solution\(path\)"):
        pulmo.small.score("solution.csv", table)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"submission is a list: give a DataFrame; pulmo\.small\.read_submission"):
        pulmo.small.validate([1.0], table)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="settings is a list: give values by name"):
        pulmo.small.train(tmp_path, settings=["features.folds=3"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="data is a int: give a path"):
        pulmo.predict(model, 3)  # type: ignore[arg-type]


def test_a_prediction_keeps_its_outputs_as_long_as_it_lives(small: Small, model: Path, tmp_path: Path) -> None:
    small.make()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sample_submission.csv").write_text(SAMPLE)
    prediction = pulmo.predict(model, tmp_path / "data")
    assert repr(prediction) == "<Prediction of 2 rows; outputs: submission>"
    folder = prediction._folder
    assert folder.is_dir()
    with pytest.raises(UserError, match=r"has no output 'cams'\. Choose from submission"):
        prediction.read("cams")
    del prediction
    gc.collect()
    assert not folder.exists()


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a trained model: it holds no ensemble\.json"):
        pulmo.predict(tmp_path, tmp_path)
    (tmp_path / "ensemble.json").write_text('{"mean": 2}')
    with pytest.raises(UserError, match=r"ensemble\.json: does not name the model's competition"):
        pulmo.predict(tmp_path, tmp_path)
    (tmp_path / "ensemble.json").write_text('{"mean"')
    with pytest.raises(UserError, match=r"ensemble\.json: does not name the model's competition"):
        pulmo.predict(tmp_path, tmp_path)
