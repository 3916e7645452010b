"""What the stages leave, on a few small X-rays; what stands in the way of them; and what real X-rays look like."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulmo.competitions.siim.data import read_masks, train_table
from pulmo.competitions.siim.features import kinds_of_area
from pulmo.competitions.siim.phantom import CUT_SHORT, PhantomSettings, cohort
from pulmo.competitions.siim.settings import Settings
from pulmo.competitions.siim.trained_model import read_model
from pulmo.errors import UserError
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.settings import load_settings
from pulmo.pipeline.stage import load
from pulmo.radiographs.files import ImageFolder, image_files
from pulmo.scoring.rle import area, decode, parse
from tests.competitions.siim.support import CONFIG, run_of


@pytest.mark.parametrize("preset", ["full", "demo", "fast", "few", "few_pretrained", "report"])
def test_every_preset_is_whole(preset: str) -> None:
    settings = load_settings(Settings, CONFIG.read_text(), preset)
    assert settings.train_segmenter.folds <= settings.features.folds
    assert settings.features.pixels % settings.train_segmenter.pixel_multiple == 0


def test_features_are_in_one_order(finished: Run) -> None:
    image_table = load(output(finished, "features/image_table"))
    images, masks = (load(output(finished, f"features/{name}")) for name in ("images", "masks"))
    assert images.shape == masks.shape == (len(image_table), 32, 32)
    assert ((masks > 0).any(axis=(1, 2)) == ((image_table["area"] > 0) & image_table["error"].isna())).all()
    painted = decode(parse(image_table["rle"].to_list()), (128, 128))
    shown = image_table["error"].isna().to_numpy()
    assert masks[shown].mean(axis=(1, 2)) / 255 == pytest.approx(painted[shown].mean(axis=(1, 2)), abs=2e-3)
    assert area(parse(image_table["rle"].to_list())).tolist() == image_table["area"].to_list()
    assert set(image_table["view"].dropna()) <= {"PA", "AP"}


def test_images_without_a_row_without_a_file_or_cut_short_are_left_out_and_named(finished: Run) -> None:
    train, _ = cohort(PhantomSettings(24, 4, seed=0, pixels=128))
    image_table = load(output(finished, "features/image_table")).set_index("image")
    assert len(image_table) == 23  # one has no row
    broken = image_table.loc[train[CUT_SHORT].image]
    assert "truncated" in broken["error"]
    assert broken["fold"] == -1
    notes = load(finished.paths.stage("features") / "manifest.json")["notes"]
    for words in (
        "images of stage_2_train.csv without a file in dicom-images-train: 1, left out",
        "files in dicom-images-train without a row in stage_2_train.csv: 1, left out",
        "An image is left out",
    ):
        assert any(note.startswith(words) for note in notes)


def test_folds_part_patients_and_share_out_the_ill(finished: Run) -> None:
    image_table = load(output(finished, "features/image_table")).query("fold >= 0")
    assert len(image_table[["patient", "fold"]].drop_duplicates()) == image_table["patient"].nunique()
    ill = image_table.assign(ill=image_table["area"] > 0).groupby("fold")["ill"].sum()
    assert abs(ill[0] - ill[1]) <= 1


def test_x_rays_are_of_one_kind_by_how_much_air_they_show() -> None:
    assert kinds_of_area(np.array([0, 60, 10, 0, 20, 30, 40, 50])).tolist() == [0, 3, 1, 0, 1, 2, 2, 3]


def test_every_readable_x_ray_is_held_out_once(finished: Run) -> None:
    image_table, held = (
        load(output(finished, name)) for name in ("features/image_table", "train_segmenter/out_of_fold")
    )
    assert sorted(held["row"]) == np.flatnonzero(image_table["fold"] >= 0).tolist()
    assert (image_table["fold"].to_numpy()[held["row"]] == held["fold"]).all()
    assert held["presence"].between(0, 1).all()
    assert len(load(output(finished, "train_segmenter/probability"))) == len(held)
    assert load(output(finished, "train_segmenter/history")).groupby("fold").size().to_list() == [2, 2]


def test_the_model_records_what_it_is(finished: Run) -> None:
    folder = output(finished, "fit_ensemble/model")
    record, model = load(folder / "ensemble.json"), read_model(folder)
    assert record["estimate"] == load(output(finished, "fit_ensemble/estimate"))
    scored = load(output(finished, "fit_ensemble/out_of_fold"))
    assert record["estimate"]["score"] == pytest.approx(scored["dice"].mean())
    assert len(model.segmenter.files) == 2
    assert model.pixels == 32


def test_cv_tells_what_each_step_gains(finished: Run) -> None:
    table = load(output(finished, "cv/table"))
    held = load(output(finished, "cv/images"))
    assert table["dice"].iloc[0] == pytest.approx((held["area"] == 0).mean())
    assert table["gain"].to_numpy() == pytest.approx(np.diff(table["dice"], prepend=table["dice"].iloc[0]))
    assert load(output(finished, "cv/scores"))["score"] == table["dice"].iloc[-1]


def test_a_model_with_a_part_missing_is_refused_by_name(finished: Run, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(output(finished, "fit_ensemble/model"), folder)
    (folder / "segmenter/fold1.keras").unlink()
    with pytest.raises(UserError, match=r"fold1\.keras: is missing from the model"):
        read_model(folder)
    (folder / "ensemble.json").unlink()
    with pytest.raises(UserError, match=r"ensemble\.json: is missing from the model"):
        read_model(folder)


def features_of(data: Path, work: Path, *overrides: str) -> Run:
    run = run_of(data, work, *overrides)
    list(run_stages(run, [run.competition.stage("features")]))
    return run


def test_too_few_patients_with_a_mask_are_told(drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"patients with a finding have a readable image.* Give at least 24"):
        features_of(drawn / "data", tmp_path, "features.folds=12")


def test_a_mask_larger_than_its_picture_is_named(drawn: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(drawn / "data/dicom-images-train", data / "dicom-images-train")
    table = pd.read_csv(drawn / "data/stage_2_train.csv", skipinitialspace=True)
    table.loc[0, "EncodedPixels"] = "16380 5"
    table.to_csv(data / "train-rle.csv", index=False)
    with pytest.raises(UserError, match=f"the mask of {table['ImageId'][0]} goes past its 128x128 pixels"):
        features_of(data, tmp_path / "work")


@pytest.mark.slow
def test_real_x_rays_are_cached(siim_data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(\d+) patients with a finding have a readable image") as told:
        features_of(siim_data, tmp_path, "features.folds=10")
    ill = int(str(told.value).split(": ")[-1].split()[0])
    run = features_of(siim_data, tmp_path, f"features.folds={max(2, ill // 2)}")
    image_table, images = (load(output(run, f"features/{name}")) for name in ("image_table", "images"))
    labelled = set(read_masks(train_table(siim_data))["image"])
    assert set(image_table["image"]) == labelled & set(image_files(ImageFolder(siim_data / "dicom-images-train")))
    assert image_table["error"].isna().all()
    assert (image_table[["rows", "columns"]] == 1024).all(axis=None)
    assert (images.std(axis=(1, 2)) > 20).all()
