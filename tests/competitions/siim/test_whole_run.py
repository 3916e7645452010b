"""SIIM as a user runs it, and as it is killed."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.siim.thresholds import Thresholds
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import load
from pulmo.scoring.rle import area, parse
from tests.competitions.siim.support import SMALL, run_of
from tests.support import run_pulmo

pytestmark = pytest.mark.slow

SETTINGS = [word for setting in SMALL for word in ("--set", setting)]
SAMPLE = "stage_2_sample_submission.csv"


def contents(run: Run) -> dict[str, bytes]:
    """What the stages left, networks by their weights, but for the manifests, which hold the time it took."""
    folders = [run.paths.stage(spec.name) for spec in run.competition.stages]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(run.paths.work).as_posix(): weights(path) if path.suffix == ".keras" else path.read_bytes()
        for path in files
        if path.name != "manifest.json"
    }


def weights(network: Path) -> bytes:
    return b"".join(array.tobytes() for array in keras.models.load_model(network, compile=False).get_weights())


def test_a_second_run_does_nothing_again_and_tells_the_estimate(
    finished: Run, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished.paths.work, tmp_path / "work")
    words = ("--data", drawn / "data", "--work", tmp_path / "work", "--out", tmp_path / "out", "--device", "cpu")
    code, out, err = run_pulmo(capsys, "siim", "run", *words, *SETTINGS)
    assert code == 0
    assert err.count("unchanged, skipped") == len(finished.competition.stages)
    estimate = json.loads((tmp_path / "out/score.json").read_text())["estimate"]
    assert f"{estimate['score']:.4f} ± {estimate['standard_error']:.4f}" in out
    assert "(validated)" in out
    assert (tmp_path / "out/figures/outlines.png").is_file()
    sent = pd.read_csv(tmp_path / "out/submission.csv")
    assert sent["ImageId"].tolist() == pd.read_csv(drawn / "data" / SAMPLE)["ImageId"].tolist()
    code, out, _ = run_pulmo(
        capsys, "siim", "score", tmp_path / "out/submission.csv", "--solution", drawn / "solution.csv"
    )
    assert code == 0
    assert 0 <= float(out) <= 1


@pytest.mark.parametrize(
    ("stage", "begun"),
    [
        ("features", lambda folder: sum(len(path.read_bytes().splitlines()) for path in folder.glob("*.jsonl")) >= 3),
        ("train_segmenter", lambda folder: bool(list(folder.glob("training_state/fold1.npz")))),
    ],
)
def test_killed_in_its_midst_a_stage_ends_with_the_same_bytes(
    finished: Run, drawn: Path, tmp_path: Path, stage: str, begun: Callable[[Path], bool]
) -> None:
    run = run_of(drawn / "data", tmp_path / "work")
    if stage != "features":
        shutil.copytree(finished.paths.stage("features"), run.paths.stage("features"))
    words = ["siim", stage, "--data", str(drawn / "data"), "--work", str(run.paths.work), "--device", "cpu", *SETTINGS]
    process = subprocess.Popen([sys.executable, "-m", "pulmo", *words], stderr=subprocess.DEVNULL)
    while process.poll() is None and not any(map(begun, run.paths.work.glob(f"{stage}.*.partial/checkpoints"))):
        time.sleep(0.005)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    list(run_stages(run, [run.competition.stage(stage)]))
    expected = {name: value for name, value in contents(finished).items() if name.startswith(f"{stage}/")}
    assert {name: value for name, value in contents(run).items() if name.startswith(f"{stage}/")} == expected


def predict(capsys: pytest.CaptureFixture[str], data: Path, model: Path, folder: Path) -> tuple[int, str]:
    """Predict from a model's folder into `folder`: exit code and stderr."""
    words = ("--data", data, "--model", model, "--work", folder / "w", "--out", folder, "--device", "cpu")
    code, _, err = run_pulmo(capsys, "siim", "predict", *words)
    return code, err


def test_a_model_predicts_from_anywhere(
    finished: Run, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = tmp_path / "model", tmp_path / "test only"
    shutil.copytree(output(finished, "fit_ensemble/model"), model)
    shutil.copytree(drawn / "data/stage_2_images", data / "dicom-images-test/study/series")
    shutil.copy(drawn / "data" / SAMPLE, data / "sample_submission.csv")
    assert predict(capsys, data, model, tmp_path)[0] == 0
    assert (tmp_path / "submission.csv").read_bytes() == output(finished, "predict/submission").read_bytes()


def test_every_mask_is_drawn_at_full_size_when_thresholds_let_it(
    finished: Run, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(output(finished, "fit_ensemble/model"), model)
    record = load(model / "ensemble.json")
    record["thresholds"] = dict.fromkeys(Thresholds._fields, 0.0)
    (model / "ensemble.json").write_text(json.dumps(record))
    assert predict(capsys, drawn / "data", model, tmp_path)[0] == 0
    sent = pd.read_csv(tmp_path / "submission.csv")
    assert area(parse(sent["EncodedPixels"].tolist())).tolist() == [128 * 128] * len(sent)


def test_missing_and_unreadable_images_get_an_empty_mask(
    finished: Run, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(drawn / "data/stage_2_images", data / "stage_2_images")
    files = sorted((data / "stage_2_images").iterdir())
    files[0].unlink()
    files[1].write_text("This is not a DICOM file.")
    shutil.copy(drawn / "data" / SAMPLE, data)
    code, err = predict(capsys, data, output(finished, "fit_ensemble/model"), tmp_path)
    assert code == 0
    assert (
        f"1 of 4 test images have no file in stage_2_images and are submitted without a finding: {files[0].stem}" in err
    )
    assert "An image is left out" in err
    said = pd.read_parquet(tmp_path / "w/predict/predictions.parquet").set_index("image")
    assert said.loc[[files[0].stem, files[1].stem], "rle"].tolist() == ["-1", "-1"]
    whole = load(output(finished, "predict/predictions")).set_index("image")
    rest = [file.stem for file in files[2:]]
    assert said.loc[rest, "rle"].tolist() == whole.loc[rest, "rle"].tolist()
    assert np.allclose(said.loc[rest, "presence"], whole.loc[rest, "presence"], atol=1e-6)


def test_no_images_at_all_are_an_error(
    finished: Run, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(drawn / "data" / SAMPLE, tmp_path / "data")
    code, err = predict(capsys, tmp_path / "data", output(finished, "fit_ensemble/model"), tmp_path)
    assert code == 1
    assert "there is no such folder: images are looked for there" in err
    assert "Traceback" not in err
