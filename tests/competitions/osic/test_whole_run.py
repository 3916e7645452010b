"""OSIC from raw files to a submission, on phantoms with scans: as a user runs it, and as it is killed."""

import errno
import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

import pulmo.models.osic_cnn  # noqa: F401  # its layers are known to Keras once it is imported
from pulmo.blending.bootstrap import bootstrap_mean
from pulmo.competition import find_competition
from pulmo.competitions.osic.confidence import ConfidencePrior, Errors, fit_confidence
from pulmo.competitions.osic.features import training_examples
from pulmo.competitions.osic.out_of_fold import fold_of_pairs
from pulmo.competitions.osic.phantom import EMPTY_FOLDER, NOT_DICOM, PhantomSettings, write_phantom
from pulmo.models.robust_linear import LinearParameters, fit_robust_linear
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run
from pulmo.scoring.laplace import laplace_log_likelihood
from pulmo.training.cross_validation import cross_validate
from tests.browser import opened, plots_of
from tests.competitions.osic.support import settings_of
from tests.conftest import Cluster
from tests.figures import check_page, figures_of, remarks_of, sections_of
from tests.support import run_pulmo

pytestmark = pytest.mark.slow

SETTINGS = (
    "train_gbm.num_iterations=8",
    "features.folds=3",
    "features.minimum_scans=30",
    "features.slice_pixels=16",
    "features.slices=2",
    "train_cnn.minimum_scans=30",
    "train_cnn.stem=4",
    "train_cnn.filters=[4]",
    "train_cnn.epochs=3",
    "train_cnn.steps=4",
)
QUICK = ("--preset", "demo", *(word for setting in SETTINGS for word in ("--set", setting)))
STAGES = [spec.name for spec in find_competition("osic").stages]


class Whole:
    """Phantom data and one undisturbed run on them."""

    def __init__(self, folder: Path) -> None:
        self.data, self.solution = folder / "data", folder / "solution.csv"
        self.work, self.out = folder / "work", folder / "out"
        write_phantom(self.data, self.solution, PhantomSettings(train_patients=40, test_patients=3, seed=1))
        self.ran = pulmo_run(self.data, self.work, self.out)

    @property
    def submission(self) -> pd.DataFrame:
        return pd.read_csv(self.out / "submission.csv")


def words(data: Path, work: Path, out: Path) -> list[str]:
    return ["osic", "run", "--data", str(data), "--work", str(work), "--out", str(out), *QUICK]


def pulmo_run(data: Path, work: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pulmo", *words(data, work, out)], capture_output=True, text=True, check=True
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("osic"))


def test_the_submission_holds_what_the_sample_asks_for(whole: Whole) -> None:
    sample = pd.read_csv(whole.data / "sample_submission.csv")
    assert whole.submission["Patient_Week"].tolist() == sample["Patient_Week"].tolist()
    assert np.isfinite(whole.submission[["FVC", "Confidence"]].to_numpy()).all()
    assert (whole.submission[["FVC", "Confidence"]] > 0).all(axis=None)
    assert "(validated)" in whole.ran.stdout


def test_the_estimate_is_kept_with_its_error(whole: Whole) -> None:
    scores = json.loads((whole.out / "score.json").read_text())
    assert -8 < scores["estimate"]["score"] < -5
    assert 0 < scores["estimate"]["standard_error"] < 1
    assert f"{scores['estimate']['score']:.4f}" in whole.ran.stdout
    assert scores["submission_sha256"] == hashlib.sha256((whole.out / "submission.csv").read_bytes()).hexdigest()


def test_scans_that_cannot_be_read_are_named_and_stop_nothing(whole: Whole) -> None:
    patients = pd.read_csv(whole.data / "train.csv")["Patient"].unique()
    statistics = pd.read_parquet(whole.work / "features/scan_statistics.parquet").set_index("patient")
    for place, reason in ((EMPTY_FOLDER, "holds no file"), (NOT_DICOM, "not a DICOM file")):
        assert f"The scan of {patients[place]} is left out" in whole.ran.stderr
        assert reason in str(statistics.loc[patients[place], "error"])
    assert statistics["lung_litres"].notna().sum() == 40 - 4
    assert statistics["lung_litres"].dropna().between(0.8, 9).all()
    assert set(pd.read_parquet(whole.work / "train_gbm/out_of_fold.parquet")["patient"]) == set(patients)


@pytest.fixture(scope="module")
def page(whole: Whole) -> Path:
    run = Run(find_competition("osic"), RunPaths(whole.data, whole.work, whole.out), settings_of())
    sections = sections_of(run)
    check_page(sections, whole.out / "report.html")
    assert [remark.split(":")[0] for remark in remarks_of(sections)] == ["Gains"]  # its stage, cv, has not been run
    captions = {title: figure.caption for title, figure in figures_of(sections).items()}
    assert captions["Excluded scans"].startswith("Of 40 patients, 4 have no usable scan")
    assert captions["Mask quality"].startswith("36 of 36 masks are good")
    assert "files of 38 patients, from 0 to" in captions["Files per patient, and matrix sizes"]
    return whole.out / "report.html"


def test_its_page_opens_in_a_browser(page: Path, browser: Browser) -> None:
    with opened(browser, page) as seen:
        seen.assert_sound()
        assert len(plots_of(page)) == 4  # courses, bones, lungs, contributions


def test_a_second_run_does_nothing_again(whole: Whole) -> None:
    again = pulmo_run(whole.data, whole.work, whole.out)
    assert again.stderr.count("unchanged, skipped") == len(STAGES)
    assert again.stdout == whole.ran.stdout


def test_killed_in_every_stage_it_ends_with_the_same_bytes(whole: Whole, tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    killed = []
    for stage in STAGES:
        process = subprocess.Popen(
            [sys.executable, "-m", "pulmo", *words(whole.data, work, out)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not begun(work, stage):
            time.sleep(0.002)
        if process.poll() is None:
            killed.append(stage)
            process.send_signal(signal.SIGKILL)
        process.wait()
    assert killed == STAGES
    pulmo_run(whole.data, work, out)
    assert contents(work) == contents(whole.work)
    assert (out / "submission.csv").read_bytes() == (whole.out / "submission.csv").read_bytes()


def begun(work: Path, stage: str) -> bool:
    """Whether a stage is at work, and where it works through scans or folds, has finished a few."""
    checkpoints = [path for path in work.glob(f"{stage}.*/checkpoints/*") if path.suffix not in (".started", ".jsonl")]
    trained = list(work.glob("train_cnn.*/checkpoints/training_state/fold1.npz"))
    enough = {
        "features": rows_kept(work) >= 5,
        "train_gbm": len(checkpoints) >= 2,
        "train_linear": len(checkpoints) >= 2,
        "train_cnn": bool(trained),
    }
    return enough.get(stage, bool(list(work.glob(f"{stage}.*.partial"))))


def rows_kept(work: Path) -> int:
    rows = 0
    for path in work.glob("features.*/checkpoints/*.jsonl"):
        with suppress(FileNotFoundError):  # the stage has just been done
            rows += len(path.read_bytes().splitlines())
    return rows


def contents(work: Path) -> dict[str, bytes]:
    return {
        path.relative_to(work).as_posix(): weights(path) if path.suffix == ".keras" else path.read_bytes()
        for path in work.rglob("*")
        if path.is_file() and path.name not in ("manifest.json", ".lock")
    }


def weights(network: Path) -> bytes:
    """A saved network's weights; the file also holds the time at which it was written."""
    return b"".join(array.tobytes() for array in keras.models.load_model(network).get_weights())


def test_a_cluster_reads_the_scans_and_a_killed_worker_loses_none(
    whole: Whole, cluster: Cluster, tmp_path: Path
) -> None:
    stage = ["osic", "features", *words(whole.data, tmp_path / "work", tmp_path / "out")[2:]]
    process = subprocess.Popen([sys.executable, "-m", "pulmo", *stage, "--cluster", cluster.address])
    while process.poll() is None and rows_kept(tmp_path / "work") < 5:
        time.sleep(0.02)
    assert process.poll() is None
    cluster.workers[0].kill()
    assert process.wait() == 0
    assert contents(tmp_path / "work/features") == contents(whole.work / "features")


def test_a_full_disk_is_explained_and_loses_nothing(
    whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    for stage in STAGES[:-2]:  # fit_ensemble finds the disk full
        shutil.copytree(whole.work / stage, work / stage)
    arguments = words(whole.data, work, out)

    def full(self: pd.DataFrame, path: Path, **options: Any) -> None:
        path.write_bytes(b"half a table")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as disk:
        disk.setattr(pd.DataFrame, "to_parquet", full)
        code, _, err = run_pulmo(capsys, *arguments)
    assert code == 1
    assert "no space is left on the disk" in err
    assert "Traceback" not in err
    code, _, err = run_pulmo(capsys, *arguments)
    assert code == 0
    assert err.count("unchanged, skipped") == len(STAGES) - 2
    assert contents(work) == contents(whole.work)


def test_a_model_predicts_from_anywhere(whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data = tmp_path / "model", tmp_path / "test only"
    shutil.copytree(whole.work / "fit_ensemble/model", model)
    data.mkdir()
    for name in ("test.csv", "sample_submission.csv"):
        shutil.copy(whole.data / name, data)
    shutil.copytree(whole.data / "test", data / "test")
    code, out, _ = run_pulmo(
        capsys, "osic", "predict", "--data", data, "--model", model, "--work", tmp_path / "w", "--out", tmp_path / "o"
    )
    assert (code, out.strip()) == (0, str(tmp_path / "o/submission.csv"))
    assert (tmp_path / "o/submission.csv").read_bytes() == (whole.out / "submission.csv").read_bytes()
    scores, theirs = (json.loads((folder / "score.json").read_text()) for folder in (tmp_path / "o", whole.out))
    assert scores["run"].startswith("model-")
    for name in ("estimate", "submission_sha256"):
        assert scores[name] == theirs[name]


def test_a_model_from_elsewhere_writes_into_no_other_runs_folders(
    whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    shutil.copytree(whole.work / "fit_ensemble/model", model)
    before = contents(whole.work), contents(whole.out)
    predict = ("osic", "predict", "--preset", "demo", "--data", whole.data, "--model", model)
    for folders, what in (
        (("--out", whole.out, "--work", tmp_path / "w"), "holds the submission of run 'demo'"),
        (("--out", tmp_path / "o", "--work", whole.work), "is a run with its own model"),
    ):
        code, _, err = run_pulmo(capsys, *predict, *folders)
        assert code == 1
        assert what in err
        assert (contents(whole.work), contents(whole.out)) == before
    monkeypatch.chdir(tmp_path)
    code, out, _ = run_pulmo(capsys, *predict)
    assert code == 0
    assert re.fullmatch(r"submissions/osic/model-[0-9a-f]{8}/submission\.csv", out.splitlines()[0])
    assert (contents(whole.work), contents(whole.out)) == before


def test_the_real_scan_goes_through_predict(
    whole: Whole, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = shared_data / "osic-pulmonary-fibrosis-progression"
    scan = min((real / "train").glob("ID00419*"))
    visits = pd.read_csv(real / "train.csv")
    visits[visits["Patient"] == scan.name].head(1).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / scan.name).symlink_to(scan.resolve())
    folders = ("--work", tmp_path / "w", "--out", tmp_path / "o")
    model = whole.work / "fit_ensemble/model"
    code, _, err = run_pulmo(capsys, "osic", "predict", "--data", tmp_path, "--model", model, *folders)
    assert code == 0
    assert "is left out" not in err
    submission = pd.read_csv(tmp_path / "o/submission.csv")
    assert len(submission) == 146
    assert submission["FVC"].between(1000, 4000).all()


def test_tables_alone_are_enough(whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train.csv", "test.csv", "sample_submission.csv"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + (whole.data / name).read_bytes().replace(b"\n", b"\r\n"))
    code, _, err = run_pulmo(capsys, *words(tmp_path, tmp_path / "work", tmp_path / "out"))
    assert code == 0
    assert "CT statistics are left out of the models: those of 30 patients are needed, and there are 0" in err
    assert len(pd.read_csv(tmp_path / "out/submission.csv")) == 3 * 146


@pytest.mark.parametrize(
    ("setting", "said"),
    [("features.fold=3", "features.folds"), ("train_gbm.num_iterations=many", "'many'"), ("features.folds=1", "folds")],
)
def test_a_wrong_setting_is_named_before_anything_runs(
    setting: str, said: str, whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run_pulmo(capsys, *words(whole.data, tmp_path / "work", tmp_path / "out"), "--set", setting)
    assert code == 2
    assert said in err
    assert not (tmp_path / "work").exists()


def test_ct_statistics_help_where_fibrosis_drives_the_decline(whole: Whole) -> None:
    features = whole.work / "features"
    pairs = pd.read_parquet(features / "visit_pairs.parquet")
    statistics = pd.read_parquet(features / "scan_statistics.parquet").set_index("patient")
    fold = fold_of_pairs(pairs, pd.read_parquet(features / "folds.parquet"))
    scored = (pairs["is_baseline_pair"] & pairs["is_last_three"]).to_numpy()
    gap_weeks, change_ml, male = (pairs.loc[scored, name].to_numpy() for name in ("gap_weeks", "change_ml", "male"))
    parameters = LinearParameters(
        huber_epsilon=1.1, huber_alpha=20.0, elastic_net_alpha=0.05, elastic_net_l1_ratio=0.5, lines_penalty=0.1
    )
    scores = []
    for columns in ([], ["hu_mean", "share_ground_glass_reticular"]):
        examples = training_examples(pairs, statistics, columns)
        fitted = cross_validate(examples, fold, lambda _, known: fit_robust_linear(known, "huber", parameters))
        error_ml = change_ml - fitted.out_of_fold[scored, 1]
        sigma = fit_confidence(Errors(error_ml, gap_weeks, male), ConfidencePrior(0, 0)).at(gap_weeks, male)
        scores.append(laplace_log_likelihood(error_ml, np.zeros_like(error_ml), sigma))
    gain = bootstrap_mean(scores[1] - scores[0], pairs.loc[scored, "patient"].to_numpy())
    assert gain.value > 2 * gain.standard_error > 0
