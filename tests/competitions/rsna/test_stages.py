"""All stages: what they leave, and that they end with the same bytes however they got there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.rsna.phantom import IMPOSSIBLE_AGE
from pulmo.competitions.rsna.radiographs import RadiographTable
from pulmo.competitions.rsna.train_detector import box_target
from pulmo.competitions.rsna.trained_model import read_model
from pulmo.errors import UserError
from pulmo.models.lung_network import LungNetwork
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.stage import load
from pulmo.radiographs.lungs import shipped_weights
from pulmo.scoring.box_precision import score
from pulmo.training.cross_validation import NetworkTrainer
from tests.competitions.rsna.conftest import BROKEN
from tests.competitions.rsna.support import run_of


def contents(run: Run) -> dict[str, bytes]:
    """Every file that the stages left, networks by their weights; not the manifests, which hold the time it took."""
    folders = [run.paths.stage(spec.name) for spec in run.competition.stages]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(run.paths.work).as_posix(): weights(path) if path.suffix == ".keras" else path.read_bytes()
        for path in files
        if path.name != "manifest.json"
    }


def weights(network: Path) -> bytes:
    return b"".join(array.tobytes() for array in keras.models.load_model(network, compile=False).get_weights())


def test_pictures_patients_and_boxes_belong_together(finished: Run) -> None:
    image_table, boxes = (load(output(finished, f"features/{name}")) for name in ("image_table", "boxes"))
    images, masks = (load(output(finished, f"features/{name}")) for name in ("images", "masks"))
    assert images.shape == masks.shape == (24, 32, 32)
    assert images.dtype == masks.dtype == np.uint8
    assert (masks.reshape(24, -1).max(axis=1) > 0).tolist() == (image_table["boxes"] > 0).tolist()
    boxes = boxes[boxes["image"] != image_table["image"][BROKEN]]  # whose size is not known
    area = (boxes["width"] * boxes["height"]).groupby(boxes["image"]).sum() / 128**2
    covered = pd.Series(masks.reshape(24, -1).mean(axis=1) / 255, index=image_table["image"])
    assert (covered[area.index] <= area + 0.01).all()
    assert (covered[area.index] >= area / 2).all()
    assert image_table.loc[IMPOSSIBLE_AGE, "impossible_age"]
    assert image_table["impossible_age"].sum() == 1
    assert set(image_table["view"].dropna()) <= {"PA", "AP"}


def test_an_x_ray_that_cannot_be_read_is_named_and_stops_nothing(finished: Run) -> None:
    image_table = load(output(finished, "features/image_table"))
    assert image_table["error"].notna().tolist() == [place == BROKEN for place in range(24)]
    notes = json.loads((finished.paths.stage("features") / "manifest.json").read_text())["notes"]
    assert any(image_table["image"][BROKEN] in note for note in notes)
    assert load(output(finished, "features/images"))[BROKEN].max() == 0
    found = load(output(finished, "train_segmenter/out_of_fold"))
    assert image_table["image"][BROKEN] not in set(found["image"])


def test_every_readable_image_is_predicted_once_out_of_fold(finished: Run) -> None:
    image_table = load(output(finished, "features/image_table"))
    image_table = image_table[image_table["error"].isna()]
    for table in ("train_segmenter/image_scores", "train_classifier/out_of_fold"):
        asked = load(output(finished, table)).merge(image_table, on="image", suffixes=("", "_dealt"))
        assert sorted(asked["image"]) == sorted(image_table["image"])
        assert (asked["fold"] == asked["fold_dealt"]).all()
    assert load(output(finished, "train_classifier/out_of_fold"))["probability"].between(0, 1).all()
    assert load(output(finished, "train_lungs/masks")).shape == (24, 32, 32)


def test_a_detector_learns_from_edges_in_network_pixels(finished: Run) -> None:
    image_table, boxes = (load(output(finished, f"features/{name}")) for name in ("image_table", "boxes"))
    images = load(output(finished, "features/images"))
    target = box_target(RadiographTable(image_table, images), boxes)
    assert ((target[..., 2] > target[..., 0]).sum(axis=1) == image_table["boxes"]).all()
    expected = boxes.assign(x=boxes["x"] / 4, right=(boxes["x"] + boxes["width"]) / 4).groupby("image")
    place = image_table.index[image_table["boxes"] > 1].difference([BROKEN])[0]
    of_one = expected.get_group(image_table["image"][place])
    assert target[place, : len(of_one), 0].tolist() == pytest.approx(of_one["x"].tolist())
    assert target[place, : len(of_one), 2].tolist() == pytest.approx(of_one["right"].tolist())


def test_the_background_s_accuracy_stands_beside_the_network_s(finished: Run) -> None:
    pictures = load(output(finished, "train_segmenter/image_scores")).set_index("image")
    image_table = load(output(finished, "features/image_table"))
    masks = load(output(finished, "features/masks"))
    nothing = pd.Series((masks < 128).mean(axis=(1, 2)), index=image_table["image"])
    assert pictures["background_accuracy"].to_numpy() == pytest.approx(nothing[pictures.index].to_numpy())
    assert pictures["accuracy"].between(0, 1).all()
    assert pictures["iou"].between(0, 1).all()


def test_the_model_records_what_it_is(finished: Run) -> None:
    folder = output(finished, "fit_ensemble/model")
    record = load(folder / "ensemble.json")
    assert record["estimate"] == load(output(finished, "fit_ensemble/estimate"))
    assert record["estimate"]["images"] == 23  # one X-ray cannot be read
    assert 0 <= record["estimate"]["score"] <= 1
    counts = {name: len(family.files) for name, family in read_model(folder).networks.items()}
    assert counts["segmenter"] == counts["classifier"] == counts["lungs"] == counts["detector"] == 2


def test_the_estimate_is_the_metric_of_what_was_found_out_of_fold(finished: Run) -> None:
    found = load(output(finished, "fit_ensemble/out_of_fold"))
    image_table, boxes = (load(output(finished, f"features/{name}")) for name in ("image_table", "boxes"))
    words = found[["confidence", "x", "y", "width", "height"]].astype(str).agg(" ".join, axis=1)
    cells = words.groupby(found["image"]).agg(" ".join) if len(found) else pd.Series(dtype=object)
    image_table = image_table[image_table["error"].isna()]
    boxes = boxes[boxes["image"].isin(image_table["image"])]
    submission = pd.DataFrame({"patientId": image_table["image"]})
    submission["PredictionString"] = submission["patientId"].map(cells).fillna("")
    solution = image_table[["image"]].merge(boxes, how="left").rename(columns={"image": "patientId"})
    expected = load(output(finished, "fit_ensemble/estimate"))["score"]
    assert score(solution, submission, "patientId") == pytest.approx(expected)


@pytest.mark.slow
def test_interrupted_in_a_fold_it_does_none_twice_and_ends_with_the_same_bytes(
    finished: Run, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = "train_segmenter"  # all families go the same way through their folds
    run = run_of(drawn / "data", tmp_path / "work")
    shutil.copytree(finished.paths.stage("features"), run.paths.stage("features"))
    train, calls = NetworkTrainer.train, []

    def train_or_stop(self: NetworkTrainer, *args: Any, **more: Any) -> pd.DataFrame:
        calls.append(stage)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(self, *args, **more)

    monkeypatch.setattr(NetworkTrainer, "train", train_or_stop)
    spec = run.competition.stage(stage)
    with pytest.raises(KeyboardInterrupt):
        list(run_stages(run, [spec]))
    list(run_stages(run, [spec]))
    assert len(calls) == 3
    expected = {name: value for name, value in contents(finished).items() if name.startswith(f"{stage}/")}
    assert {name: value for name, value in contents(run).items() if name.startswith(f"{stage}/")} == expected


def test_interrupted_among_the_x_rays_none_is_read_twice(
    finished: Run, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pulmo.pipeline import stage as stages
    from pulmo.radiographs import cache as image_cache
    from tests.support import map_here

    read, calls = image_cache.read_into_cache, []

    def read_or_stop(task: image_cache.ImageTask) -> dict[str, Any]:
        calls.append(task.path)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return read(task)

    monkeypatch.setattr(stages, "map_items", map_here)
    monkeypatch.setattr(image_cache, "read_into_cache", read_or_stop)
    run = run_of(drawn / "data", tmp_path / "work")
    with pytest.raises(KeyboardInterrupt):
        list(run_stages(run, [run.competition.stage("features")]))
    list(run_stages(run, [run.competition.stage("features")]))
    assert len(calls) == 25
    expected = {name: value for name, value in contents(finished).items() if name.startswith("features/")}
    assert contents(run) == expected


@pytest.mark.slow
def test_a_model_predicts_from_anywhere_and_broken_x_rays_get_no_box(
    finished: Run, drawn: Path, tmp_path: Path
) -> None:
    model, data = tmp_path / "model", tmp_path / "test only"
    shutil.copytree(output(finished, "fit_ensemble/model"), model)
    data.mkdir()
    shutil.copy(drawn / "data/stage_2_sample_submission.csv", data)
    shutil.copytree(drawn / "data/stage_2_test_images", data / "stage_2_test_images")
    names = pd.read_csv(data / "stage_2_sample_submission.csv")["patientId"].to_list()
    (data / "stage_2_test_images" / f"{names[0]}.dcm").write_text("no picture")
    (data / "stage_2_test_images" / f"{names[1]}.dcm").unlink()
    words = ["--data", data, "--model", model, "--work", tmp_path / "w", "--out", tmp_path / "o", "--device", "cpu"]
    # In a process of its own, which has not seen the networks' layers made.
    command = [sys.executable, "-m", "pulmo", "rsna", "predict", *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(tmp_path / "o/submission.csv")
    assert f"{names[0]}.dcm" in ran.stderr
    assert (
        f"1 of 4 test images have no file in stage_2_test_images and are submitted without a finding: {names[1]}"
        in ran.stderr
    )
    submission = pd.read_csv(tmp_path / "o/submission.csv", keep_default_na=False)
    expected = pd.read_csv(output(finished, "predict/submission"), keep_default_na=False)
    assert submission["patientId"].tolist() == names
    assert submission["PredictionString"].tolist() == ["", "", *expected["PredictionString"][2:]]
    (model / "segmenter/fold1.keras").unlink()
    with pytest.raises(UserError, match=r"fold1\.keras: is missing from the model"):
        read_model(model)


def test_without_lungs_and_classifier_it_says_so_and_goes_on(finished: Run, drawn: Path, tmp_path: Path) -> None:
    run = run_of(drawn / "data", tmp_path / "work", "train_classifier.folds=0", "train_lungs.folds=0")
    for stage in ("features", "train_segmenter", "train_detector"):
        shutil.copytree(finished.paths.stage(stage), run.paths.stage(stage))
    before_prediction = run.competition.stages[:-1]
    results = {result.spec.name: result for result in run_stages(run, before_prediction)}
    assert results["train_segmenter"].skipped
    assert results["train_lungs"].manifest.notes == ("Lungs are not segmented: train_lungs.folds is 0",)
    assert "classifier is left out" in results["train_classifier"].manifest.notes[0]
    fitted = load(output(run, "fit_ensemble/model") / "ensemble.json")["fitted"]
    assert [fitted[name] for name in ("classifier_threshold", "scale", "lungs")] == [0, 0, 0]


def test_without_lung_masks_the_shipped_network_segments(finished: Run, drawn: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(drawn / "data", data)
    (data / "lung_rle.csv").unlink()
    run = run_of(data, tmp_path / "work")
    shutil.copytree(finished.paths.stage("features"), run.paths.stage("features"))
    (result,) = run_stages(run, [run.competition.stage("train_lungs")])
    (note,) = result.manifest.notes
    assert note == (
        "Lungs are segmented by the network that pulmo ships: lung_rle.csv has masks of 0 images, and 20 are needed to "
        "train one"
    )
    images, masks = load(output(run, "features/images")), load(output(run, "train_lungs/masks"))
    assert masks.shape == images.shape
    (saved,) = output(run, "train_lungs/models").iterdir()
    assert saved.name == "fold0.keras"
    network = LungNetwork(shipped_weights())
    expected = [cv2.resize(network(cv2.resize(image, (192, 192))), (32, 32)) for image in images]
    assert np.abs(masks / 255 - np.stack(expected)).mean() < 0.01


def test_lungs_known_to_a_network_trained_elsewhere(finished: Run, drawn: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "lungs.keras"
    shutil.copy(output(finished, "train_lungs/models") / "fold0.keras", elsewhere)
    run = run_of(drawn / "data", tmp_path / "work", f"train_lungs.model={elsewhere}")
    shutil.copytree(finished.paths.stage("features"), run.paths.stage("features"))
    list(run_stages(run, [run.competition.stage("train_lungs")]))
    fold = load(output(finished, "features/image_table"))["fold"].to_numpy()
    said, before = (load(output(one, "train_lungs/masks")) for one in (run, finished))
    difference = said[fold == 0].astype(int) - before[fold == 0]
    assert np.abs(difference).max() <= 1  # batches are of other sizes
    wrong = run_of(drawn / "data", tmp_path / "other", f"train_lungs.model={elsewhere}", "features.pixels=64")
    list(run_stages(wrong, [wrong.competition.stage("features")]))
    with pytest.raises(UserError, match="images of 32 pixels a side, not 64"):
        list(run_stages(wrong, [wrong.competition.stage("train_lungs")]))


def test_cv_scores_every_variant(finished: Run) -> None:
    list(run_stages(finished, [finished.competition.cv]))
    table = load(output(finished, "cv/table")).set_index("variant")
    scores = load(output(finished, "cv/scores"))
    assert table.index[0] == "1 segmenter, the report's"
    assert table["gain"].iloc[0] == 0
    assert scores["score"] == table.loc["ensemble", "score"]
    both = load(output(finished, "fit_ensemble/estimate"))["score"]
    assert scores["score"] == pytest.approx(both)


def test_figures_are_drawn(finished: Run) -> None:
    assert finished.competition.figures is not None
    drawn = finished.competition.figures.draw(finished.paths)
    assert drawn[0].name == "boxes.png"
    assert all(path.stat().st_size > 10_000 for path in drawn)


@pytest.mark.slow
def test_real_images_of_one_person_are_in_one_fold(rsna_data: Path, tmp_path: Path) -> None:
    run = run_of(rsna_data, tmp_path, "features.folds=5")
    list(run_stages(run, [run.competition.stage("features")]))
    image_table = load(output(run, "features/image_table"))
    known = pd.read_csv(rsna_data / "nih_patients.csv", dtype=str).set_index("patientId")["nih_patient"]
    people = image_table["image"].map(known)
    assert (people.isna() | (people == image_table["patient"])).all()
    folds = image_table.groupby("patient")["fold"]
    assert (folds.min() == folds.max()).all()
    assert image_table["patient"].nunique() < len(image_table)
    with_opacity = image_table[image_table["boxes"] > 0].groupby("patient")["fold"].first()
    assert np.ptp(np.bincount(with_opacity, minlength=5)) <= 2
