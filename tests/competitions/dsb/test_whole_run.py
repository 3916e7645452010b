"""The Data Science Bowl from raw files to a submission: as a user runs it, and as it is killed."""

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from pulmo.__main__ import main
from pulmo.competition import find_competition
from pulmo.competitions.dsb.trained_model import read_model
from pulmo.errors import UserError
from pulmo.pipeline.runner import output, run_stages
from pulmo.pipeline.stage import load
from tests.competitions.dsb.support import run_of, words
from tests.conftest import Cluster
from tests.figures import check_page, figures_of, remarks_of, sections_of
from tests.support import run_pulmo

pytestmark = pytest.mark.slow

STAGES = [spec.name for spec in find_competition("dsb").stages]


class Whole:
    """One undisturbed run on MR scans in folders by class."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data, self.work, self.out = data, folder / "work", folder / "out"
        self.stdout, self.stderr = pulmo(words(data, self.work, self.out))

    @property
    def submission(self) -> pd.DataFrame:
        return pd.read_csv(self.out / "submission.csv")


def pulmo(arguments: list[str]) -> tuple[str, str]:
    """What a command prints to stdout and stderr, run in this process: another one would load TensorFlow anew."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        patch.setattr(sys, "argv", ["pulmo", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code, err.getvalue()
    return out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def whole(rats: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(rats, tmp_path_factory.mktemp("dsb"))


def test_a_hidden_test_set_is_held_out_by_patient_and_predicted(whole: Whole) -> None:
    scans = pd.read_parquet(whole.work / "features/scans.parquet")
    predictions = pd.read_parquet(whole.work / "predict/predictions.parquet")
    assert len(scans) + len(predictions) == 14
    assert not set(scans["patient"]) & set(predictions["patient"])
    assert set(predictions["label"]) == {0, 1}
    assert whole.submission["id"].tolist() == predictions["id"].tolist()
    assert whole.submission["cancer"].between(0, 1).all()
    assert "Held out as a test set: log loss" in whole.stderr
    assert "left out: a scout or survey (SURVEY)" in whole.stderr


def test_training_and_test_are_told_apart_in_every_number(whole: Whole) -> None:
    metrics = pd.read_parquet(whole.work / "fit_ensemble/metrics.parquet").set_index("set")
    assert metrics.index.tolist() == ["training", "out of fold"]
    scores = json.loads((whole.out / "score.json").read_text())
    assert scores["estimate"]["score"] == pytest.approx(metrics.loc["out of fold", "log_loss"])
    assert 0 <= scores["estimate"]["auc_low"] <= scores["estimate"]["auc"] <= scores["estimate"]["auc_high"] <= 1
    assert "weights, " in whole.stderr


def test_every_figure_of_a_finished_run_is_drawn(whole: Whole, tmp_path: Path) -> None:
    sections = sections_of(run_of(whole.data, whole.work))
    of_mr = ["Lung volume: left out", "Dense voxels, candidate positions: left out"]
    assert [remark.split(".")[0] for remark in remarks_of(sections)] == of_mr
    check_page(sections, tmp_path / "page.html")
    figures = figures_of(sections)
    metrics = pd.read_parquet(whole.work / "fit_ensemble/metrics.parquet").set_index("set")
    unseen = metrics.loc["out of fold"]
    assert f"AUC {unseen['auc']:.3f} out of fold" in figures["ROC"].caption
    found, missed = int(unseen["true_positive"]), int(unseen["false_negative"])
    assert f"At a threshold of 0.5, {found} of {found + missed}" in figures["Confusion matrix"].caption
    assert figures["Metrics"].content["scans"].tolist() == ["training", "out of fold", "test"]
    scans = pd.read_parquet(whole.work / "features/scans.parquet")
    assert f"{len(scans)} volumes of 4 × 16 × 16 voxels" in figures["Network input"].caption
    assert "0 of whom are in several folds" in figures["Folds"].caption


def test_each_scan_is_judged_by_the_network_that_has_not_seen_it(whole: Whole) -> None:
    table = pd.read_parquet(whole.work / "train_cnn/out_of_fold.parquet")
    volumes = np.load(whole.work / "features/volumes.npy")
    assert volumes.shape == (len(table), 4, 16, 16, 1)
    for number in (0, 1):
        network = keras.models.load_model(whole.work / f"train_cnn/models/fold{number}.keras", compile=False)
        scores = network.predict_on_batch({"image": volumes})
        inside = table["fold"] == number
        assert table["logit"][inside].to_numpy() == pytest.approx((scores[:, 1] - scores[:, 0])[inside], abs=1e-4)


def test_pictures_show_how_good_it_is_and_where_it_looked(whole: Whole) -> None:
    pictures = sorted(path.name for path in (whole.out / "figures").iterdir())
    best = pd.read_parquet(whole.work / "predict/grad_cam_scans.parquet")
    assert pictures == ["classification.png", f"grad_cam_{best['id'].item().replace('/', '_')}.png"]
    assert best["probability"].item() == whole.submission["cancer"].max().round(6) or len(best) == 1
    cams = np.load(whole.work / "predict/cams.npy")
    assert cams.shape == (1, 4, 16, 16)
    assert cams.min() >= 0
    assert cams.max() <= 1 + 1e-6


def test_a_second_run_does_nothing_again(whole: Whole, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_pulmo(capsys, *words(whole.data, whole.work, whole.out))
    assert code == 0
    assert err.count("unchanged, skipped") == len(STAGES)
    assert out == whole.stdout


def test_killed_amid_scans_and_amid_epochs_it_ends_with_the_same_bytes(whole: Whole, tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    killed = []
    for stage in ("features", "train_cnn"):
        process = subprocess.Popen(
            [sys.executable, "-m", "pulmo", *words(whole.data, work, out)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not begun(work, stage):
            time.sleep(0.005)
        if process.poll() is None:
            killed.append(stage)
            process.send_signal(signal.SIGKILL)
        process.wait()
    assert killed == ["features", "train_cnn"]
    pulmo(words(whole.data, work, out))
    assert contents(work) == contents(whole.work)
    assert (out / "submission.csv").read_bytes() == (whole.out / "submission.csv").read_bytes()


def begun(work: Path, stage: str) -> bool:
    """Whether a stage has finished a few scans, or the first epoch of its second fold."""
    if stage == "features":
        return rows_kept(work) >= 3
    return bool(list(work.glob("train_cnn.*/checkpoints/training_state/fold1.npz")))


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
    return b"".join(array.tobytes() for array in keras.models.load_model(network, compile=False).get_weights())


def test_a_cluster_makes_the_same_volumes(whole: Whole, cluster: Cluster, tmp_path: Path) -> None:
    stage = words(whole.data, tmp_path / "work", tmp_path / "out", "features")
    pulmo([*stage, "--cluster", cluster.address])
    assert contents(tmp_path / "work/features") == contents(whole.work / "features")


def test_one_new_scan_from_anywhere(whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, scan = tmp_path / "model", tmp_path / "new rat"
    shutil.copytree(whole.work / "fit_ensemble/model", model)
    predictions = pd.read_parquet(whole.work / "predict/predictions.parquet")
    shutil.copytree(whole.data / predictions["id"].iloc[0], scan)
    code, out, err = run_pulmo(
        capsys, "dsb", "predict", "--data", scan, "--model", model, "--work", tmp_path / "w", "--out", tmp_path / "o"
    )
    probability = predictions["probability"].iloc[0]
    assert code == 0
    assert f"new rat: probability of R1 {probability:.4f}" in err
    submission = pd.read_csv(tmp_path / "o/submission.csv")
    assert submission["id"].tolist() == ["new rat"]
    assert submission["cancer"].item() == pytest.approx(probability, abs=1e-6)
    assert (tmp_path / "o/figures/grad_cam_new_rat.png").is_file()
    assert "grad_cam_new_rat.png" in out


def test_a_scan_of_another_kind_or_none_is_said_and_gets_the_base_rate(
    whole: Whole, kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = whole.work / "fit_ensemble/model"
    ct = next((kaggle / "stage1").iterdir())
    places = ("--work", tmp_path / "w", "--out", tmp_path / "o")
    code, _, err = run_pulmo(capsys, "dsb", "predict", "--data", ct, "--model", model, *places)
    assert code == 0
    assert "holds CT images, not MR" in err
    base_rate = load(model / "ensemble.json")["calibration"]["base_rate"]
    assert pd.read_csv(tmp_path / "o/submission.csv")["cancer"].item() == pytest.approx(base_rate, abs=1e-6)
    (tmp_path / "nothing").mkdir()
    code, _, err = run_pulmo(
        capsys, "dsb", "predict", "--data", tmp_path / "nothing", "--model", model, *places, "--replace"
    )
    assert code == 1
    assert "holds no scan" in err


def test_a_model_with_a_part_missing_is_refused_by_name(whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(whole.work / "fit_ensemble/model", tmp_path / "model")
    shutil.rmtree(tmp_path / "model/cnn")
    with pytest.raises(UserError, match=r"fold0\.keras: is missing from the model"):
        read_model(tmp_path / "model")


def test_ct_in_kaggle_s_layout_from_labels_to_the_sample(
    kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(kaggle, data)
    labels = pd.read_csv(data / "stage1_labels.csv")
    sample = pd.read_csv(data / "stage2_sample_submission.csv")
    broken, missing = labels["id"].iloc[0], sample["id"].iloc[1]
    for path in (data / "stage1" / broken).iterdir():
        path.write_text("This is not a DICOM file.")
    shutil.rmtree(data / "stage2" / missing)
    code, out, err = run_pulmo(capsys, *words(data, tmp_path / "work", tmp_path / "out"))
    assert code == 0
    assert f"The scan {broken} is left out" in err
    assert f"The scan {missing} is left out" in err
    assert "(validated)" in out
    submission = pd.read_csv(tmp_path / "out/submission.csv")
    assert submission["id"].tolist() == sample["id"].tolist()
    scans = pd.read_parquet(tmp_path / "work/features/scans.parquet")
    assert set(scans["id"]) == set(labels["id"]) - {broken}
    volumes = np.load(tmp_path / "work/features/volumes.npy", mmap_mode="r")
    assert volumes.shape == (7, 4, 16, 16, 1)
    code, out, _ = run_pulmo(
        capsys, "dsb", "score", tmp_path / "out/submission.csv", "--solution", kaggle.parent / "solution.csv"
    )
    assert code == 0
    assert 0 < float(out.splitlines()[-1]) < 3


def test_cross_validation_by_protocol(whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(whole.work / "features", tmp_path / "work/features")
    run = run_of(whole.data, tmp_path / "work", "cv.repeats=2")
    list(run_stages(run, [run.competition.stage("features"), run.competition.cv]))
    table, predictions = load(output(run, "cv/table")), load(output(run, "cv/predictions"))
    assert table["model"].tolist() == ["base rate", "network", "network, calibrated"]
    assert table["gain"].iloc[0] == 0
    assert len(predictions) == 2 * 3 * len(load(output(run, "features/scans")))
    assert predictions.groupby(["model", "repeat", "id"]).size().eq(1).all()
    assert load(output(run, "cv/scores"))["score"] == pytest.approx(table["log loss"].iloc[2])


def test_unlabelled_scans_teach_nothing(rats: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run_pulmo(capsys, *words(rats / "R1", tmp_path / "work", tmp_path / "out"))
    assert code == 1
    assert "holds no labelled scans of two classes" in err
