"""A kernel's stages: their request, and the trained model in the kernel's output."""

from pathlib import Path

import pytest

from pulmo.commands import kernel_run
from pulmo.commands.kernel_run import KernelRun
from pulmo.commands.run import Request
from pulmo.competition import MODEL, find_competition
from pulmo.kaggle import runtime
from pulmo.pipeline.fingerprint import digest_raw


@pytest.fixture
def requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests of the stages run, in a folder in place of `/kaggle`; `fit_ensemble` makes a model of its name."""
    made: list[Request] = []

    def run_stage(request: Request, stage: str) -> None:
        made.append(request)
        if stage == "fit_ensemble":
            (tmp_path / "scratch" / MODEL).mkdir(parents=True)
            (tmp_path / "scratch" / MODEL / "ensemble.json").write_text(stage)

    (tmp_path / "input" / find_competition("osic").kaggle_slug).mkdir(parents=True)
    (tmp_path / "working").mkdir()
    monkeypatch.setattr(runtime, "INPUT", tmp_path / "input")
    monkeypatch.setattr(runtime, "SCRATCH", tmp_path / "scratch")
    monkeypatch.setattr(kernel_run, "WORKING", tmp_path / "working")
    monkeypatch.setattr(kernel_run, "SCRATCH", tmp_path / "scratch")
    monkeypatch.setattr(kernel_run, "PRESET", "demo")
    monkeypatch.setattr(kernel_run, "run_stage", run_stage)
    return made


def test_a_model_in_the_bundle_predicts(requests: list[Request], tmp_path: Path) -> None:
    (tmp_path / "bundle/model").mkdir(parents=True)
    KernelRun("osic", tmp_path / "bundle").run("predict")
    (request,) = requests
    assert (request.model, request.preset) == (tmp_path / "bundle/model", "full")
    assert (request.out, request.work) == (tmp_path / "working", tmp_path / "scratch")
    assert list((tmp_path / "working").iterdir()) == []


def test_without_one_the_kernel_trains_and_its_model_is_saved(requests: list[Request], tmp_path: Path) -> None:
    kernel = KernelRun("osic", tmp_path / "bundle")
    kernel.run("features")
    assert list((tmp_path / "working").iterdir()) == []
    kernel.run("fit_ensemble")
    assert (tmp_path / "working/model/ensemble.json").read_text() == "fit_ensemble"
    kernel.run("predict")
    assert [(request.model, request.preset) for request in requests] == [(None, "demo")] * 3


def test_the_user_s_own_files_lie_beside_kaggle_s(requests: list[Request], tmp_path: Path) -> None:
    kaggle, own = tmp_path / "input" / find_competition("osic").kaggle_slug, tmp_path / "bundle/data"
    (kaggle / "train").mkdir()
    (kaggle / "train/scan.dcm").write_text("a scan")
    (kaggle / "both.csv").write_text("Kaggle's")
    own.mkdir(parents=True)
    for name in ("own.csv", "both.csv"):
        (own / name).write_text("mine")
    KernelRun("osic", tmp_path / "bundle").run("features")
    data = requests[0].data
    assert data is not None
    assert data != kaggle
    assert sorted(path.name for path in data.iterdir()) == ["both.csv", "own.csv", "train"]
    assert [(data / name).read_text() for name in ("own.csv", "both.csv", "train/scan.dcm")] == [
        "mine",
        "Kaggle's",
        "a scan",
    ]
    assert digest_raw(data / "train") == digest_raw(kaggle / "train")
