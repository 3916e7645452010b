from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.errors import UserError
from pulmo.pipeline.holdout import choose_hidden, place_images


@given(total=st.integers(6, 300), public=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
def test_some_are_hidden_and_never_as_many_as_in_public(total: int, public: int, seed: int) -> None:
    names = [f"P{number}" for number in range(total)]
    hidden = choose_hidden(names, public, seed, Path("train.csv"))
    assert hidden == sorted(set(hidden))
    assert set(hidden) < set(names)
    assert len(hidden) != public
    assert 2 <= len(hidden) <= total / 2
    assert hidden == choose_hidden(names[::-1], public, seed, Path("train.csv"))


def test_too_few_to_hide_some_of() -> None:
    with pytest.raises(UserError, match=r"train\.csv: has only 3, of 3 patients, .* Give at least 4, of several"):
        choose_hidden(["a", "b", "c"], 5, 0, Path("train.csv"))
    with pytest.raises(UserError, match="Give at least 6, of several"):  # two are as many as the public test set has
        choose_hidden(["a", "b", "c"], 2, 0, Path("train.csv"))


def test_images_are_linked_but_two(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("a", "b", "c", "d"):
        (source / name).mkdir(parents=True)
        (source / name / "1.dcm").write_bytes(b"12345678")
    (source / "e.dcm").write_bytes(b"12345678")
    images = {name: source / name for name in "abcd"} | {"e": source / "e.dcm"}
    train, test = tmp_path / "data/train", tmp_path / "data/test"
    place_images(images, ["a", "b", "c", "z"], train, test)
    made = {path.relative_to(tmp_path / "data").as_posix(): path for path in (tmp_path / "data").rglob("*.dcm")}
    assert {name: path.read_bytes() for name, path in made.items()} == {
        "test/b/1.dcm": b"1234",
        "test/c/1.dcm": b"12345678",
        "train/d/1.dcm": b"12345678",
        "train/e.dcm": b"12345678",
    }
    assert made["train/d/1.dcm"].samefile(source / "d" / "1.dcm")
    assert {path.read_bytes() for path in source.rglob("*.dcm")} == {b"12345678"}


def test_one_hidden_image_alone_is_lost(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"12345678")
    place_images({"a": tmp_path / "a.dcm"}, ["a", "b"], tmp_path / "data/train", tmp_path / "data/test")
    assert list((tmp_path / "data").rglob("*.dcm")) == []


@given(sizes=st.lists(st.integers(1, 9), min_size=8, max_size=60), public=st.integers(0, 12), seed=st.integers(0, 99))
def test_nobody_is_on_both_sides(sizes: list[int], public: int, seed: int) -> None:
    patient_of = {f"{number}_{scan}": f"p{number}" for number, size in enumerate(sizes) for scan in range(size)}
    try:
        hidden = choose_hidden(list(patient_of), public, seed, Path("train.csv"), patient_of)
    except UserError:  # a few patients of many scans each may not be shared out
        assert max(sizes) > 2 or len(sizes) < 12
        return
    shown = set(patient_of) - set(hidden)
    assert not {patient_of[name] for name in hidden} & {patient_of[name] for name in shown}
    assert max(2, len(patient_of) // 8) <= len(hidden) <= len(patient_of) / 2
    assert len(hidden) != public


def test_all_of_one_patient_cannot_be_shared_out() -> None:
    names = [f"scan{number}" for number in range(20)]
    with pytest.raises(UserError, match=r"has only 20, of 1 patients, to hide some of"):
        choose_hidden(names, 0, 0, Path("train.csv"), dict.fromkeys(names, "p"))


def test_a_folder_with_links_in_a_circle_is_placed_once(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "a").mkdir(parents=True)
    (source / "a" / "1.dcm").write_bytes(b"12345678")
    (source / "a" / "up").symlink_to(source)
    place_images({"a": source / "a"}, [], tmp_path / "train", tmp_path / "test")
    assert [path.name for path in (tmp_path / "train").rglob("*") if path.is_file()] == ["1.dcm"]
