"""Every competition keeps the contract of `pulmo.competition`; one that breaks it is told where and how."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from pulmo.commands.contract import contract_faults
from pulmo.competition import Competition, competition_names, find_competition, require
from pulmo.errors import CommandLineError, ContractError
from pulmo.estimate import Estimate
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run, run_stages
from pulmo.pipeline.settings import load_settings
from tests.competitions.small import FILES, PHANTOM, Small, small

__all__ = ["small"]


@pytest.mark.parametrize("name", competition_names())
def test_every_competition_keeps_the_contract(name: str) -> None:
    assert contract_faults(find_competition(name)) == []


@pytest.mark.parametrize("name", competition_names())
def test_every_competition_has_its_optional_parts_checked_by_mypy(name: str) -> None:
    """Its `__init__.py` names its modules for mypy: all of those that it has."""
    competition = find_competition(name)
    text = Path(str(__import__(f"pulmo.competitions.{name}", fromlist=["_"]).__file__)).read_text()
    checked = text.partition("if TYPE_CHECKING:")[2]
    modules = [spec.name for spec in (*competition.stages, competition.cv)] + ["submission"]
    modules += [part for part in ("hidden_test", "phantom", "figures", "data_check") if competition.has(part)]
    assert [module for module in modules if not re.search(rf"^        {module},$", checked, re.MULTILINE)] == []


@pytest.mark.parametrize("name", competition_names())
def test_the_test_set_is_what_predict_reads(name: str) -> None:
    competition = find_competition(name)
    assert {competition.test_files, competition.test_table} <= {*competition.stage("predict").data, ""}


def test_the_small_competition_keeps_it_too(small: Small) -> None:
    competition = small.make()
    assert contract_faults(competition) == []
    assert (competition.phantom, competition.holdout, competition.figures, competition.data_check) == (None,) * 4


def faults_of(competition: Competition) -> str:
    return "\n".join(map(str, contract_faults(competition)))


READS, WRITES = 'reads=("features/values",), writes=("model"', 'writes=("model", "estimate")'
DECLARED = [
    (
        READS,
        READS.replace("values", "valeus"),
        r"'features/valeus', which no .*\. Did you mean 'features/values'\?",
    ),
    (READS, READS.replace("features/values", "predict/submission"), "reads 'predict/submission', which no earlier"),
    (WRITES, WRITES.replace(', "estimate"', ","), "stage fit_ensemble does not declare that it writes 'estimate'"),
    ('"table", "scores"', '"table"', "stage cv does not declare that it writes 'scores'"),
    (
        'reads=("fit_ensemble/model",)',
        'reads=("fit_ensemble/model", "features/values")',
        r"stage predict reads fit_ensemble/model, features/values\. Read fit_ensemble/model alone",
    ),
    ('data=("sample_submission.csv",)', 'data=("x.csv",)', "stage predict does not read the sample submission"),
    ('data=("train.csv",)', 'data=("train.csv",), optional=("tain.csv",)', r"Did you mean 'train\.csv'\?"),
    ('"fit_ensemble", "their mean"', '"fit", "their mean"', "there is no stage 'fit_ensemble'"),
    ('"features", "values read"', '"predict", "values read"', "there are two stages 'predict'"),
    ('("id", "value")', '("id",)', r"submission_columns are \('id',\)"),
]
STAGE = [
    ("def run(stage, settings)", "def run(stage)", r"it defines run\(stage\)\. .* must be run\(stage, settings\)"),
    ("def run(", "def go(", r"features\.py: it does not define run\. Define run\(stage, settings\)"),
    ("import pandas", "import no_such_library", r"features\.py: it cannot be imported \(ModuleNotFoundError"),
]
FORMAT = [
    ("def patients(table, data)", "def patients(table)", r"defines patients\(table\)\. .* patients\(table, data\)"),
    ("def score_parts(solution, submission, row_id_column_name)", "def score_parts(a, b)", r"score_parts\(a, b\)"),
    ("shift=0.0)", "shfit=0.0)", r"has 'shift', which blend does not take\. Did you mean 'shfit'\?"),
    ("shift=0.0)", "shift=0.5)", r"the default of shift is 0 in BLEND_PARAMETERS, 0\.5 in blend"),
    ("def blend(tables, weights", "def blend(files, weights", r"it defines blend\(files, weights, shift\)"),
    ("BLEND_PARAMETERS =", "PARAMETERS =", "it does not define BLEND_PARAMETERS and blend"),
]
SETTINGS = [
    ("    predict: Nothing\n", "", "Settings has no section 'predict' for stage predict"),
    ("class Settings(Section)", "class Settings", r"does not define Settings, a pipeline\.settings\.Section"),
]
CONFIG = [
    ("factor = 2.0", "facter = 2.0", r"preset demo: setting features\.facter: .* Did you mean features\.factor\?"),
    ("factor = 1.0", "", r"preset full: setting features\.factor: has no value"),
    ("[features]", "[features", r"config\.toml: it cannot be read"),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        *(("__init__.py", *change) for change in DECLARED),
        *(("features.py", *change) for change in STAGE),
        *(("submission.py", *change) for change in FORMAT),
        *(("settings.py", *change) for change in SETTINGS),
        *(("config.toml", *change) for change in CONFIG),
    ],
)
def test_what_breaks_the_contract_is_named(small: Small, file: str, old: str, new: str, words: str) -> None:
    told = faults_of(small.with_replaced(file, old, new))
    assert re.search(words, told), told


def test_a_missing_stage_module_is_named(small: Small) -> None:
    told = faults_of(small.make({"fit_ensemble.py": None}))
    assert told == ("competitions/small/fit_ensemble.py: there is no such module. Add it, with run(stage, settings).")


DRAW = "def draw(paths): return []"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phantom.py": PHANTOM.replace("seed: int", "count: int")}, r"it defines PhantomSettings\(rows, count\)"),
        (
            {"phantom.py": PHANTOM, "config.toml": FILES["config.toml"].replace("demo", "fast")},
            "there is no preset 'demo', which `pulmo demo` uses",
        ),
        (
            {"hidden_test.py": "def write_hidden_test(data, folder): pass"},
            r"must be write_hidden_test\(data, folder, solution, seed=0, model=None\)",
        ),
        ({"data_check.py": "def check(folder, settings): pass"}, r"it defines check\(folder, settings\)"),
        ({"figures/__init__.py": ""}, r"figures/__init__\.py: it does not define draw"),
        (
            {"figures/__init__.py": DRAW, "figures/data.py": "FIGURES = (lambda: 1,)"},
            r"figures/data\.py: FIGURES holds .* It must be a function of one argument",
        ),
        ({"figures/__init__.py": DRAW, "figures/errors.py": ""}, r"figures/errors\.py: it does not define FIGURES"),
    ],
)
def test_optional_parts_are_checked_where_they_are(small: Small, changes: dict[str, str], words: str) -> None:
    told = faults_of(small.make(changes))
    assert re.search(words, told), told


def test_sound_optional_parts_have_no_fault(small: Small) -> None:
    parts = {
        "phantom.py": PHANTOM,
        "figures/__init__.py": "def draw(paths): return []",
        "figures/data.py": "FIGURES = ()",
    }
    competition = small.make(parts)
    assert contract_faults(competition) == []
    assert competition.phantom is not None
    assert competition.figure_section("data") is not None
    assert competition.figure_section("training") is None


def test_a_part_that_is_needed_and_missing_is_one_sentence(small: Small) -> None:
    competition = small.make()
    with pytest.raises(
        CommandLineError, match=r"^small: the competition has no hidden_test\.py, which is needed to rehearse"
    ):
        require(competition.holdout, competition, "hidden_test.py", "rehearse")


SOUND = {"score": 1.5, "standard_error": 0.25, "folds": [{"fold": 0}], "patients": 7}


def test_an_estimate_may_hold_more() -> None:
    assert Estimate.of(SOUND, "here") == Estimate(1.5, 0.25, [{"fold": 0}], {})
    assert Estimate.of({**SOUND, "parts": {"edema": 0.5}}, "here").parts == {"edema": 0.5}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"score": 1.5, "folds": []},
            "here: the estimate has no 'standard_error'. Add standard_error: the standard error",
        ),
        ({**SOUND, "score": float("nan")}, "'score' is nan. It must be the score, a finite number"),
        ({**SOUND, "score": None}, "'score' is None"),
        ({**SOUND, "folds": {"0": 1}}, "'folds' is .*a list of rows"),
        ({**SOUND, "parts": {"edema": "high"}}, "'parts' is .*numbers by name"),
        (None, "there is no estimate"),
    ],
)
def test_a_faulty_estimate_names_what_is_missing(values: object, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        Estimate.of(values, "here")


def test_an_estimate_that_lacks_a_value_stops_its_stage(small: Small, tmp_path: Path) -> None:
    competition = small.with_replaced("fit_ensemble.py", '"standard_error": 0.1, ', "")
    data = tmp_path / "data"
    data.mkdir()
    pd.DataFrame({"id": ["a"], "value": [2]}).to_csv(data / "train.csv", index=False)
    settings = load_settings(competition.settings, competition.config)
    run = Run(competition, RunPaths.of("small", "full", data, tmp_path / "work", tmp_path / "out"), settings)
    with pytest.raises(ContractError, match="estimate of stage fit_ensemble: the estimate has no 'standard_error'"):
        list(run_stages(run, competition.stages))
    assert not (tmp_path / "work/fit_ensemble").exists()
    assert json.loads((tmp_path / "work/features/manifest.json").read_text())["stage"] == "features"
