"""Kernels of any competition, generated from its declaration, also by an installed package."""

import ast
import hashlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import pulmo.competitions
from pulmo.competition import Accelerator, Competition, competition_names, find_competition
from pulmo.errors import UserError
from pulmo.kaggle.build import build
from pulmo.kaggle.metadata import as_notebook, kernel_metadata, slug_of
from pulmo.kaggle.script import build_script, kernel_source
from tests.conftest import ROOT
from tests.support import run_pulmo

OSIC = find_competition("osic")

FIFTH = """
from pulmo.competition import Competition, KernelRules, StageSpec

COMPETITION = Competition(
    name="chest_labels", title="Chest labels", kaggle_slug="chest-labels-2030", submission_columns=("id", "label"),
    metric="AUC", greater_is_better=True,
    stages=(
        StageSpec("features", "images at network size", data=("train.csv",), writes=("images",)),
        StageSpec("fit_ensemble", "the mean of the labels", reads=("features/images",), writes=("model",)),
        StageSpec("predict", "a probability for each label", reads=("fit_ensemble/model",), writes=("submission",)),
    ),
    cv=StageSpec("cv", "nothing", reads=("features/images",), writes=("table",)),
    kernel=KernelRules(accelerator="NvidiaL4", gpu_hours=5),
)
"""


@pytest.fixture
def fifth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Competition]:
    """A competition that is nothing but one folder; the current folder is empty."""
    folder = tmp_path / "packages/chest_labels"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(FIFTH)
    for name in ("features", "fit_ensemble", "predict", "settings", "submission"):
        (folder / f"{name}.py").write_text("import numpy\n")
    (folder / "settings.py").write_text("from pulmo.pipeline.settings import Section as Settings\n")
    (folder / "config.toml").write_text("[presets.demo]\n")
    monkeypatch.setattr(pulmo.competitions, "__path__", [*pulmo.competitions.__path__, str(tmp_path / "packages")])
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    yield find_competition("chest_labels")
    for name in [name for name in sys.modules if name.startswith("pulmo.competitions.chest_labels")]:
        del sys.modules[name]


def stages_run(source: str) -> list[str]:
    """The stages that a kernel's source runs, in order."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    found = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "run"]
    return [ast.literal_eval(call.args[0]) for call in sorted(found, key=lambda call: call.lineno)]


@pytest.mark.parametrize("name", competition_names())
def test_the_kernels_run_the_declared_stages(name: str) -> None:
    competition = find_competition(name)
    assert stages_run(kernel_source(competition, "train")) == [spec.name for spec in competition.stages]
    assert stages_run(kernel_source(competition, "infer")) == ["predict"]
    assert "$" not in kernel_source(competition, "train")
    assert "In: the training and test sets. Out: a trained model and submission.csv." in kernel_source(
        competition, "train"
    )
    assert "In: the test set and a trained model. Out: submission.csv." in kernel_source(competition, "infer")


@pytest.mark.parametrize("kind", ["infer", "train"])
@pytest.mark.parametrize("name", competition_names())
def test_a_kernel_names_its_dataset(name: str, kind: str) -> None:
    competition = find_competition(name)
    (dataset,) = kernel_metadata(competition, kind, "ada")["dataset_sources"]
    assert f'dataset_folder("{dataset.removeprefix("ada/")}")' in kernel_source(competition, kind)


def test_the_metadata_of_osics_kernel() -> None:
    assert kernel_metadata(OSIC, "infer", "ada") == {
        "id": "ada/pulmo-osic-infer",
        "title": "pulmo osic infer",
        "code_file": "kernel.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": "true",
        "enable_gpu": "true",
        "enable_tpu": "false",
        "enable_internet": "false",
        "machine_shape": "NvidiaTeslaT4",
        "session_timeout_seconds": 4 * 3600,
        "docker_image_pinning_type": "original",
        "competition_sources": ["osic-pulmonary-fibrosis-progression"],
        "dataset_sources": ["ada/pulmo-osic-model"],
        "kernel_sources": [],
        "model_sources": [],
        "keywords": [],
    }


def test_a_notebook_is_a_kernel_of_its_own() -> None:
    script = kernel_metadata(OSIC, "infer", "ada")
    notebook = as_notebook(script)
    changed = {name: value for name, value in notebook.items() if value != script.get(name)}
    assert changed == {
        "id": "ada/pulmo-osic-infer-notebook",
        "title": "pulmo osic infer notebook",
        "code_file": "kernel.ipynb",
        "kernel_type": "notebook",
    }
    assert slug_of(notebook["title"]) == notebook["id"].partition("/")[2]  # as Kaggle derives it


@pytest.mark.parametrize(
    ("kind", "accelerator", "shape", "gpu", "seconds"),
    [
        ("infer", "none", "", "false", 9 * 3600),
        ("infer", "NvidiaL4", "NvidiaL4", "true", 4 * 3600),
        ("train", None, "NvidiaTeslaT4", "true", 12 * 3600 - 1),  # Kaggle's own limit is no valid timeout
    ],
)
def test_machine_and_time_limit(kind: str, accelerator: Accelerator | None, shape: str, gpu: str, seconds: int) -> None:
    metadata = kernel_metadata(OSIC, kind, "ada", accelerator)
    assert (metadata["machine_shape"], metadata["enable_gpu"]) == (shape, gpu)
    assert metadata["session_timeout_seconds"] == seconds


def test_an_image_can_be_pinned() -> None:
    metadata = kernel_metadata(OSIC, "infer", "ada", docker_image="gcr.io/kaggle-images/python@sha256:f4b6")
    assert metadata["docker_image"] == "gcr.io/kaggle-images/python@sha256:f4b6"
    assert metadata["docker_image_pinning_type"] == "original"


@pytest.mark.parametrize("owner", ['a"b', "a/b", "", "ada lovelace", "ädä"])
def test_an_invalid_user_name(owner: str) -> None:
    with pytest.raises(UserError, match=r"--owner: .* is no name of a user on Kaggle"):
        kernel_metadata(OSIC, "infer", owner)


def test_a_retired_accelerator_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run_pulmo(capsys, "osic", "kernel", "build", "--accelerator", "NvidiaTeslaP100")
    assert code == 2
    assert "NvidiaTeslaT4" in err


@pytest.mark.parametrize(("title", "slug"), [("pulmo osic infer", "pulmo-osic-infer"), (" A  b/c! ", "a-b-c")])
def test_slugs(title: str, slug: str) -> None:
    assert slug_of(title) == slug


@pytest.mark.slow
def test_a_fifth_competition_needs_no_file_outside_its_folder(fifth: Competition) -> None:
    metadata = kernel_metadata(fifth, "train", "ada")
    assert metadata["id"] == "ada/pulmo-chest-labels-train"
    assert metadata["machine_shape"] == "NvidiaL4"
    built = build(fifth, "train", None, metadata)
    script = (built.kernel / "kernel.py").read_text()
    assert script.endswith(kernel_source(fifth, "train"))
    assert stages_run(kernel_source(fifth, "train")) == ["features", "fit_ensemble", "predict"]
    assert json.loads((built.kernel / "kernel-metadata.json").read_text()) == metadata
    assert json.loads((built.dataset / "dataset-metadata.json").read_text())["id"] == "ada/pulmo-chest-labels-wheels"


def test_a_package_installed_elsewhere_builds_the_same_kernel(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    package = ROOT / "src/pulmo"
    installed = [*package.rglob("*.py")]
    installed += [path for pattern in project["package-data"]["pulmo"] for path in package.glob(pattern)]
    with zipfile.ZipFile(tmp_path / "pulmo.zip", "w") as opened:
        for path in installed:
            opened.write(path, path.relative_to(ROOT / "src"))
    program = (
        "import hashlib, json, pulmo\n"
        "from pulmo.competition import find_competition\n"
        "from pulmo.kaggle.image import read_images\n"
        "from pulmo.kaggle.script import build_script, kernel_source\n"
        "source = kernel_source(find_competition('osic'), 'train')\n"
        "dates = [image.date for image in read_images()]\n"
        "digest = hashlib.sha256(build_script('osic', source).encode()).hexdigest()\n"
        "print(json.dumps([pulmo.__file__, dates, source, digest]))\n"
    )
    (tmp_path / "empty").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "pulmo.zip")}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "empty",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    where, dates, source, digest = json.loads(answer.stdout)
    assert where.startswith(str(tmp_path / "pulmo.zip"))
    assert dates == ["2026-05-14", "2026-08-19"]
    assert source == kernel_source(OSIC, "train")
    assert digest == hashlib.sha256(build_script("osic", source).encode()).hexdigest()
