"""One reader a source, one table out."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from pulmo.competitions.dsb.data import (
    _class_folders,
    _may_be_broken,
    balanced_folds,
    find_scans,
    hidden_test,
    labels_of_classes,
    read_unlabelled,
)
from pulmo.errors import UserError
from pulmo.imaging.listing import SeriesFolder, list_series


def truth(data: Path) -> dict[str, int]:
    return dict(pd.read_csv(data.parent / "solution.csv").set_index("id")["cancer"])


def test_kaggle_s_labels_and_what_its_sample_asks_for(kaggle: Path) -> None:
    table = find_scans(kaggle).table
    labels, sample = (pd.read_csv(kaggle / name) for name in ("stage1_labels.csv", "stage2_sample_submission.csv"))
    assert table["id"].tolist() == [*labels["id"], *sample["id"]]
    assert table["label"].tolist()[:8] == labels["cancer"].tolist()
    assert table["label"].isna().sum() == table["requested"].sum() == 2
    assert all(Path(folder).is_dir() for folder in table["folder"])


def test_once_stage_2_is_asked_for_the_solution_of_stage_1_teaches_too(tmp_path: Path) -> None:
    (tmp_path / "stage1_labels.csv").write_text("id,cancer\na,0\nb,1\n")
    (tmp_path / "stage1_sample_submission.csv").write_text("id,cancer\nc,0.5\n")
    (tmp_path / "stage1_solution.csv").write_text("id,cancer,Usage\nc,1,Public\n")
    first = find_scans(tmp_path).table
    assert first["id"].tolist() == ["a", "b", "c"]
    assert first["requested"].tolist() == [False, False, True]
    assert first["folder"].tolist()[2] == str(tmp_path / "stage1" / "c")
    (tmp_path / "stage2_sample_submission.csv").write_text("id,cancer\nd,0.5\n")
    second = find_scans(tmp_path).table
    assert second["label"].tolist() == pytest.approx([0, 1, 1, np.nan], nan_ok=True)
    assert second["folder"].tolist()[3] == str(tmp_path / "stage2" / "d")


def test_kaggle_s_files_with_a_fault_are_refused(tmp_path: Path) -> None:
    (tmp_path / "stage1_labels.csv").write_text("id,cancer\na,0\nb,maybe\n")
    with pytest.raises(UserError, match="row 3, cancer: 'maybe'"):
        find_scans(tmp_path)
    (tmp_path / "stage1_labels.csv").write_text("id,cancer\na,0\nb,1\n")
    (tmp_path / "stage1_sample_submission.csv").write_text("id,cancer\nc,0.5\nc,0.5\n")
    with pytest.raises(UserError, match="'c' is repeated"):
        find_scans(tmp_path)


def test_lidc_s_nodules_are_counted_and_overviews_left_out(lidc: Path) -> None:
    scans = find_scans(lidc)
    expected = truth(lidc)
    assert dict(zip(scans.table["id"], scans.table["label"], strict=True)) == expected
    assert set(expected.values()) == {0, 1}
    assert scans.table["patient"].tolist() == [name.split("/")[0] for name in scans.table["id"]]
    overviews = sorted(path.relative_to(lidc).as_posix() for path in lidc.glob("*/*/[12].0*"))
    assert overviews
    assert all(any(name in note for note in scans.notes) for name in overviews)
    assert any("left out: a" in note for note in scans.notes)


def test_annotations_may_lie_anywhere_and_a_series_without_is_left_out(lidc: Path, tmp_path: Path) -> None:
    shutil.copytree(lidc, tmp_path / "data")
    first, *others = sorted((tmp_path / "data").rglob("*.xml"))
    (tmp_path / "data" / "xml").mkdir()
    for path in others:
        path.rename(tmp_path / "data" / "xml" / f"{path.parent.parent.parent.name}.xml")
    first.unlink()
    scans = find_scans(tmp_path / "data")
    lost = first.parent.relative_to(tmp_path / "data").as_posix()
    labels = dict(zip(scans.table["id"], scans.table["label"], strict=True))
    assert np.isnan(labels.pop(lost))
    assert labels == {name: label for name, label in truth(lidc).items() if name != lost}
    assert f"1 series ({lost}) without a label: no annotation names the series" in scans.notes


def test_patients_may_be_links_and_annotations_end_in_capitals(lidc: Path, tmp_path: Path) -> None:
    shutil.copytree(lidc, tmp_path / "store")
    for path in (tmp_path / "store").rglob("*.xml"):
        path.rename(path.with_suffix(".XML"))
    (tmp_path / "data").mkdir()
    for patient in (tmp_path / "store").iterdir():
        (tmp_path / "data" / patient.name).symlink_to(patient)
    (tmp_path / "store" / patient.name / "up").symlink_to(tmp_path / "data")
    table = find_scans(tmp_path / "data").table
    assert dict(zip(table["id"], table["label"], strict=True)) == truth(lidc)


def test_a_spacing_that_is_no_number_costs_the_label_alone(lidc: Path, tmp_path: Path) -> None:
    shutil.copytree(lidc, tmp_path / "data")
    odd, *_ = sorted(truth(lidc))
    for path in (tmp_path / "data" / odd).glob("*.dcm"):
        path.write_bytes(re.sub(rb"(\x28\x00\x30\x00DS..)(\d+)\.", rb"\1\2,", path.read_bytes(), flags=re.DOTALL))
    scans = find_scans(tmp_path / "data")
    (note,) = [note for note in scans.notes if "label of the scan" in note]
    assert note.startswith(f"The label of the scan {odd} is not known: ")
    assert re.search(r"PixelSpacing is '\d+,\d+\\\d+\.?\d*': not decimal numbers", note)
    assert scans.table["label"].isna().sum() == 1


def test_one_annotation_does_not_decide_for_all_other_scans(rats: Path, lidc: Path, tmp_path: Path) -> None:
    shutil.copytree(rats, tmp_path / "data")
    stray, *_ = sorted(lidc.rglob("*.xml"))
    shutil.copy(stray, tmp_path / "data" / "R1" / "stray.xml")
    scans = find_scans(tmp_path / "data")
    assert dict(zip(scans.table["id"], scans.table["label"], strict=True)) == truth(rats)
    assert "1 annotations (R1/stray.xml) left out: of series that are not here" in scans.notes
    # Of one of the scans there, it is told too; and where there are no classes, the other scans are there unlabelled.
    uid = pydicom.dcmread(next((tmp_path / "data" / "R1").rglob("*.dcm"))).SeriesInstanceUID
    text = re.sub(r"(<SeriesInstanceUid>)[^<]*", rf"\g<1>{uid}", stray.read_text())
    (tmp_path / "data" / "R1" / "stray.xml").write_text(text)
    scans = find_scans(tmp_path / "data")
    assert scans.classes == ("BN-175", "R1")
    assert any(note.startswith("The annotations of 1 series (R1/") for note in scans.notes)
    (tmp_path / "data" / "R1" / "stray.xml").rename(tmp_path / "stray.xml")
    shutil.move(tmp_path / "data", tmp_path / "mixed" / "rats")
    shutil.copytree(lidc, tmp_path / "mixed" / "lidc")
    (tmp_path / "mixed" / "more").mkdir()
    shutil.copytree(next((rats / "R1").glob("*/T1_FFE")), tmp_path / "mixed" / "more" / "T1_FFE")
    mixed = find_scans(tmp_path / "mixed")
    assert mixed.table["label"].notna().sum() == len(truth(lidc))
    assert mixed.table["label"].isna().sum() == len(truth(rats)) + 1
    assert any("without a label: no annotation names the series" in note for note in mixed.notes)


def test_kaggle_s_scans_a_folder_deeper_and_those_that_no_table_names(kaggle: Path, tmp_path: Path) -> None:
    for name in ("stage1_labels.csv", "stage2_sample_submission.csv"):
        shutil.copy(kaggle / name, tmp_path)
    shutil.copytree(kaggle / "stage1", tmp_path / "stage1" / "stage1")
    shutil.copytree(kaggle / "stage2", tmp_path / "stage2")
    (tmp_path / "stage2" / "stranger").mkdir()
    scans = find_scans(tmp_path)
    assert all(Path(folder).is_dir() for folder in scans.table["folder"])
    assert scans.notes == ("1 scans (stranger) of stage2/ left out: neither labels nor a sample name them",)


def test_more_readers_asked_for_never_find_more(lidc: Path) -> None:
    by_readers = [find_scans(lidc, readers).table["label"].to_numpy() for readers in (1, 4)]
    assert (by_readers[1] <= by_readers[0]).all()


def test_a_folder_a_class(rats: Path) -> None:
    scans = find_scans(rats)
    assert scans.classes == ("BN-175", "R1")
    assert dict(zip(scans.table["id"], scans.table["label"], strict=True)) == truth(rats)
    assert scans.table["patient"].str.fullmatch(r"rat\d{3}").all()
    assert [note for note in scans.notes if "survey" in note]
    assert find_scans(rats, positive="BN-175").table["label"].tolist() == (1 - scans.table["label"]).tolist()
    with pytest.raises(UserError, match=r"'R2' is no class here\. Choose from BN-175, R1"):
        find_scans(rats, positive="R2")


def test_one_new_scan_or_several_without_labels(rats: Path) -> None:
    one = find_scans(next((rats / "R1").glob("*/T1_FFE"))).table
    assert one["id"].tolist() == ["T1_FFE"]
    assert one["label"].isna().all()
    several = find_scans(rats / "R1").table
    assert len(several) == len(list((rats / "R1").glob("*/T1_FFE")))
    assert several["label"].isna().all()


def test_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(UserError, match="holds no scan"):
        find_scans(tmp_path)


def test_labels_mean_what_they_mean_to_the_model(rats: Path) -> None:
    found = find_scans(rats)
    assert found.classes == ("BN-175", "R1")
    same, notes = labels_of_classes(found, ("BN-175", "R1"))
    assert same["label"].equals(found.table["label"])
    assert not notes
    swapped, notes = labels_of_classes(found, ("R1", "BN-175"))
    assert (swapped["label"] == 1 - found.table["label"]).all()
    assert not notes
    others, notes = labels_of_classes(found, ("no cancer", "cancer"))
    assert others["label"].isna().all()
    assert notes == [
        "The labels are ignored: the classes here are 'BN-175' and 'R1', the model's 'no cancer' and 'cancer'"
    ]


def test_scans_without_a_name_are_patients_of_their_own(lidc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def list_nameless(folder: Path) -> list[SeriesFolder]:
        return [series._replace(patient="ANONYMOUS") for series in list_series(folder)]

    monkeypatch.setattr("pulmo.competitions.dsb.data.list_series", list_nameless)
    found = find_scans(lidc)
    assert found.table["patient"].tolist() == found.table["id"].tolist()
    assert f"Of {len(found.table)} scans, all have the same PatientID 'ANONYMOUS'" in found.notes[-1]


def table_of(labels: list[float], patients: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"id": [str(n) for n in range(len(labels))], "patient": patients, "label": labels})


def test_folds_are_by_patient_and_share_out_each_class() -> None:
    patients = [f"p{number // 2}" for number in range(60)]  # two scans each
    labels = [float(number % 10 < 4) for number in range(60)]
    fold = balanced_folds(table_of(labels, patients), 3, seed=0)
    for patient in set(patients):
        assert len({fold[n] for n in range(60) if patients[n] == patient}) == 1
    positives = [
        sum(label for label, where in zip(labels, fold, strict=True) if where == number) for number in range(3)
    ]
    assert positives == [8, 8, 8]
    assert (fold != balanced_folds(table_of(labels, patients), 3, seed=1)).any()


def test_a_hidden_test_set_has_whole_patients_of_both_classes() -> None:
    patients = [f"p{number // 2}" for number in range(40)]
    labels = [float(number < 20) for number in range(40)]
    held_out = hidden_test(table_of(labels, patients), 0.2, seed=0)
    assert held_out.sum() == 8
    assert np.array(labels)[held_out].sum() == 4
    assert len({patients[n] for n in np.flatnonzero(held_out)}) == 4
    assert not hidden_test(table_of(labels, patients), 0.0, seed=0).any()


def test_too_few_of_a_class_are_named() -> None:
    with pytest.raises(UserError, match="1 patients of class 1 cannot fill 2 folds"):
        balanced_folds(table_of([0.0, 0.0, 1.0], ["a", "b", "c"]), 2, seed=0)


def test_processes_that_read_scans_load_no_learning_library() -> None:
    script = "import sys, pulmo.competitions.dsb.features; sys.exit('keras' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_one_patient_with_most_scans_is_named() -> None:
    with pytest.raises(UserError) as refused:
        balanced_folds(table_of([0.0, 0.0, 0.0, 1.0, 0.0], ["a", "a", "a", "b", "c"]), 3, seed=0)
    assert str(refused.value) == (
        "the labelled scans: 2 patients of class 0 cannot fill 3 folds: 3 of 5 scans are of one patient, 'a'. Give "
        "more of them, or set features.folds lower."
    )
    with pytest.raises(UserError, match=r"1 patients of class 1 cannot fill 2 folds\."):  # half of them are not most
        balanced_folds(table_of([0.0, 0.0, 1.0, 0.0], ["a", "a", "b", "c"]), 2, seed=0)
    fold = balanced_folds(table_of([0.0, 0.0, 1.0, 1.0], ["a", "b", "c", "d"]), 2, seed=0)
    assert sorted(fold) == [0, 0, 1, 1]


def test_the_share_held_out_is_that_of_the_nearest_number_of_folds() -> None:
    scans = table_of([0.0, 1.0] * 10, [str(number) for number in range(20)])
    assert [int(hidden_test(scans, share, seed=0).sum()) for share in (0.5, 0.21, 0.1)] == [10, 4, 2]
    with pytest.raises(
        UserError, match=r"cannot fill 20 folds.*set features\.test_share higher, or 0 to hold none out"
    ):
        hidden_test(scans, 0.05, seed=0)


def kaggle_files(folder: Path, **files: str) -> Path:
    for name, rows in files.items():
        (folder / f"{name}.csv").write_text("id,cancer\n" + "".join(f"{row}\n" for row in rows.split()))
    return folder


def test_kaggle_s_solution_of_stage_1_is_no_training_table_while_it_is_asked_for(tmp_path: Path) -> None:
    kaggle_files(tmp_path, stage1_sample_submission="c,0.5", stage1_solution="c,1")
    only = find_scans(tmp_path)
    assert only.classes == ("no cancer", "cancer")
    assert only.table[["id", "requested"]].to_numpy().tolist() == [["c", True]]
    assert only.table["label"].isna().all()
    kaggle_files(tmp_path, stage1_labels="a,0 c,1")  # a scan that is asked for has no label to learn from
    both = find_scans(tmp_path).table
    assert both[["id", "requested"]].to_numpy().tolist() == [["a", False], ["c", True]]
    assert both["label"].tolist() == pytest.approx([0, np.nan], nan_ok=True)
    assert both["patient"].tolist() == ["a", "c"]


def test_labels_alone_are_enough_and_long_lists_are_cut(tmp_path: Path) -> None:
    kaggle_files(tmp_path, stage1_labels="a,0 b,1")
    for name in ("a", "b", "s1", "s2", "s3", "s4", "s5"):
        (tmp_path / "stage1" / name).mkdir(parents=True)
    (tmp_path / "stage1/readme.txt").write_text("no scan")
    found = find_scans(tmp_path)
    assert found.table["requested"].tolist() == [False, False]
    words = "of stage1/ left out: neither labels nor a sample name them"
    assert found.notes == (f"5 scans (s1, s2, s3, s4, s5) {words}",)
    (tmp_path / "stage1/s6").mkdir()
    assert find_scans(tmp_path).notes == (f"6 scans (s1, s2, s3, s4, s5 …) {words}",)


def test_a_model_s_classes_do_not_matter_where_no_label_is_known(tmp_path: Path) -> None:
    found = find_scans(kaggle_files(tmp_path, stage1_sample_submission="c,0.5"))
    table, notes = labels_of_classes(found, ("BN-175", "R1"))
    assert table.equals(found.table)
    assert notes == []


def series_in(*places: str) -> list[SeriesFolder]:
    return [SeriesFolder(Path("data") / place, "CT", "p", "1.2", "") for place in places]


@pytest.mark.parametrize(
    ("places", "classes"),
    [
        (("b/1", "a/2", "b/deep/3"), ["a", "b"]),
        (("b/1", "a"), []),  # a series in a folder itself
        ((".",), []),
        ((), []),
    ],
)
def test_classes_are_the_folders_with_series_below_them(places: tuple[str, ...], classes: list[str]) -> None:
    assert _class_folders(Path("data"), series_in(*places)) == classes


def test_scans_without_labels_are_named_by_their_folders(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    here = [SeriesFolder(tmp_path / "data" / place, "CT", "p", "1.2", "") for place in (".", "a/b")]
    table = read_unlabelled(tmp_path / "data", here).table
    assert table["id"].tolist() == ["data", "a/b"]
    assert table["requested"].tolist() == [False, False]
    assert table["label"].isna().all()


@pytest.mark.parametrize(("name", "broken"), [("1.dcm", True), ("1.IMA", True), ("1.txt", False)])
def test_a_file_that_is_called_dicom_makes_a_scan(tmp_path: Path, name: str, broken: bool) -> None:
    (tmp_path / name).write_text("no DICOM")
    assert _may_be_broken(tmp_path) == broken
