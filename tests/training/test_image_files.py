from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.training.image_files import image_files, no_image


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_images_are_found_at_any_depth_and_with_the_ending_in_capitals(tmp_path: Path) -> None:
    touch(tmp_path, "b.dcm", "images/a.DCM", "study/series/c.dcm", "notes.txt")
    assert list(image_files(tmp_path)) == ["a", "b", "c"]
    assert image_files(tmp_path)["c"] == tmp_path / "study/series/c.dcm"
    assert image_files(tmp_path / "nowhere") == {}


def test_an_image_that_is_there_twice_is_named_with_both_places(tmp_path: Path) -> None:
    touch(tmp_path, "a.dcm", "copy/a.dcm")
    with pytest.raises(UserError) as error:
        image_files(tmp_path)
    assert f"{tmp_path / 'copy/a.dcm'}: is there again as {tmp_path / 'a.dcm'}" in str(error.value)


@pytest.mark.parametrize(
    ("names", "ids", "words"),
    [
        ([], ["a"], "there is no such folder: images are looked for there"),
        (["x/a.png", "b.png"], ["a"], "holds no .dcm file, at any depth, but 2 other files, such as b.png"),
        (["a.dcm"], ["a.dcm"], "the ids have the ending '.dcm'. Write 'a' for 'a.dcm'"),
        (["a.dcm"], ["A"], "the ids have capital letters. Write 'a' for 'A'"),
        (["a.dcm"], ["b"], "1 .dcm files, none named by one of the 1 ids that are looked for: they are named like 'a'"),
    ],
)
def test_why_no_image_is_found(names: list[str], ids: list[str], words: str, tmp_path: Path) -> None:
    folder = touch(tmp_path / "images", *names)
    assert words in str(no_image(folder, ids))
    assert str(folder) in str(no_image(folder, ids))
