"""`pulmo new`: what it refuses, and what it writes, from its check to its kernel."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import pulmo.competitions
from pulmo.commands import new
from pulmo.competition import find_competition
from pulmo.kaggle import wheels
from pulmo.kaggle.image import read_images
from pulmo.kaggle.packages import kernel_libraries, missing_packages
from pulmo.kaggle.script import kernel_source
from tests.conftest import ROOT
from tests.kaggle.test_build import write_wheel
from tests.support import run_pulmo

TEMPLATE = ROOT / "src/pulmo/competition_template"
PAGE = ROOT / new.PAGE
LONGEST = "a" + "b" * (new.LONGEST_NAME - 1)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the installed competitions."""
    monkeypatch.setattr(pulmo.competitions, "__path__", [str(tmp_path / "competitions")])
    return tmp_path / "competitions"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Catheters"], "'Catheters' cannot be the name of a competition. Choose a lower-case Python identifier"),
        (["2catheters"], "'2catheters' cannot be the name"),
        (["cath-eters"], "'cath-eters' cannot be the name"),
        (["_catheters"], "'_catheters' cannot be the name"),
        (["../catheters"], "'../catheters' cannot be the name"),
        (["class"], "'class' cannot be the name"),
        ([LONGEST + "c"], f"of at most {new.LONGEST_NAME} characters"),
        *(([name], f"'{name}' is a command of pulmo") for name in ("demo", "scan", "report", "new", "doctor")),
        (["catheters", "--title", 'a "b"'], "--title: 'a \"b\"' cannot be used. Give one line without quotation marks"),
        (["catheters", "--slug", "Ranzcr Clip"], "--slug: 'Ranzcr Clip' cannot be used. Copy the last part"),
    ],
)
def test_what_cannot_be_used_is_refused(
    installed: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, _, err = run_pulmo(capsys, "new", *words)
    assert code == 2
    assert message in " ".join(err.split())
    assert not installed.exists()


def test_a_competition_that_is_there_is_kept(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (installed / "catheters").mkdir(parents=True)
    (installed / "catheters/notes.txt").write_text("mine")
    code, _, err = run_pulmo(capsys, "new", "catheters")
    assert (code, "there is a competition 'catheters'" in err) == (2, True)
    assert [path.name for path in (installed / "catheters").iterdir()] == ["notes.txt"]


def test_a_folder_that_is_not_writable_is_one_sentence(
    installed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for a user who may not write there; root may everywhere
    code, _, err = run_pulmo(capsys, "new", "catheters")
    assert (code, str(installed) in err, "Traceback" in err) == (1, True, False)
    assert list(installed.iterdir()) == []


@pytest.mark.parametrize("name", ["x", LONGEST])
def test_what_is_written_has_nothing_of_the_template_s_name_and_is_formatted(installed: Path, name: str) -> None:
    new.make_competition(name, "RANZCR CLiP", None, ())
    files = sorted(path for path in (installed / name).rglob("*") if path.is_file())
    assert [path.relative_to(installed / name) for path in files] == sorted(
        path.relative_to(TEMPLATE) for path in TEMPLATE.rglob("*") if path.suffix in (".py", ".toml")
    )
    text = "\n".join(path.read_text() for path in files)
    assert "emplate" not in text
    assert 'title="RANZCR CLiP"' in text
    assert f'kaggle_slug="{name}"' in text
    first_party = 'lint.isort.known-first-party=["pulmo"]'  # outside of the project, ruff cannot tell
    for words in (["check", "--config", first_party], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", "--config", ROOT / "pyproject.toml"]
        subprocess.run([*map(str, command), str(installed / name)], check=True)


def test_the_template_is_short() -> None:
    files = [path for path in TEMPLATE.rglob("*") if path.suffix in (".py", ".toml")]
    assert sum(len(path.read_text().splitlines()) for path in files) <= 500


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with a new competition in it."""
    folder = tmp_path_factory.mktemp("new")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    run(folder, "-m", "pulmo", "new", "catheters", "--title", "RANZCR CLiP", "--slug", "ranzcr-clip")
    return folder


def run(tree: Path, *words: str | Path) -> str:
    """Run Python on a copy of the source; what it prints."""
    environment = {**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{ROOT}", "PIP_NO_INDEX": "1"}
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, check=False, env=environment, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_new_competition_is_sound_and_its_demo_becomes_a_kernel(tree: Path) -> None:
    assert "ok" in run(tree, "-m", "pulmo", "catheters", "check")
    printed = run(tree, "-m", "pulmo", "demo", "catheters")
    estimate, error, hidden = map(float, re.findall(r"mean AUC +(\S+) ± (\S+) +(\S+)", printed)[0])
    assert min(estimate, hidden) > 0.7, printed
    assert 0 < error < 0.1
    out = tree / "submissions/catheters/demo"
    submission, sample = (
        pd.read_csv(path) for path in (out / "submission.csv", tree / "work/demo/catheters/sample_submission.csv")
    )
    assert submission["image_id"].tolist() == sample["image_id"].tolist()
    assert list(submission) == list(sample)
    assert json.loads((out / "score.json").read_text())["estimate"]["parts"].keys() == set(sample) - {"image_id"}
    assert "ROC curves" in (out / "report.html").read_text()

    osic = find_competition("osic")  # whose kernel needs all the wheels that any kernel needs
    for image in read_images():
        for package in missing_packages(kernel_libraries(osic, kernel_source(osic, "infer")), image):
            write_wheel(tree / wheels.CACHE / image.python, package, image.python)
    run(tree, "-m", "pulmo", "catheters", "kernel", "build", "--owner", "ada")
    metadata = json.loads(next((tree / "kernels/catheters/infer").rglob("kernel-metadata.json")).read_text())
    assert metadata["competition_sources"] == ["ranzcr-clip"]


@pytest.mark.slow
def test_the_page_s_test_file_tests_a_new_competition(tree: Path) -> None:
    """The few lines of the page, as they stand there: a whole run, kill and resume, a hidden test set, figures."""
    source = re.search(r"```python\n(from pulmo\.competitions\.catheters\.phantom .*?)```", PAGE.read_text(), re.DOTALL)
    assert source is not None
    (tree / "test_catheters.py").write_text(source[1])
    options = ("-q", "-c", ROOT / "pyproject.toml", "--rootdir", tree)
    printed = run(tree, "-m", "pytest", *options, tree / "test_catheters.py")
    assert "6 passed" in printed
