"""The folder of Kaggle's files, and what it was made from."""

from pathlib import Path

import pytest

from pulmo.competition import find_competition
from pulmo.errors import UserError
from pulmo.pipeline.data_folder import data_folder, origin_of, phantom_mark

OSIC = find_competition("osic")


def test_the_named_folder_or_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path("mine"), OSIC.default_data):
        path.mkdir(parents=True)
    assert data_folder(OSIC, Path("mine")) == Path("mine")
    assert data_folder(OSIC, None) == OSIC.default_data


def test_no_folder_and_a_file_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no such folder\. Put Kaggle's files of osic-pulmonary"):
        data_folder(OSIC, tmp_path / "nowhere")
    (tmp_path / "a.zip").touch()
    with pytest.raises(UserError, match=f"is a file, not the folder .* the file is in: --data {tmp_path}"):
        data_folder(OSIC, tmp_path / "a.zip")


def test_the_fingerprint_is_of_names_and_sizes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "train").mkdir(parents=True)
    (data / "train/a").write_bytes(b"abc")
    first = origin_of(data)
    assert (first.phantom, len(first.fingerprint)) == (False, 16)
    (data / "train/a").write_bytes(b"xyz")
    assert origin_of(data) == first
    (data / "train/a").write_bytes(b"abcd")
    longer = origin_of(data)
    (data / "train/a").rename(data / "train/b")
    assert len({first.fingerprint, longer.fingerprint, origin_of(data).fingerprint}) == 3
    (data / "train/b").rename(data / "train/a")
    assert origin_of(data) == longer


def test_drawn_data_have_a_mark_beside_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    phantom_mark(data).touch()
    assert phantom_mark(data) == tmp_path / "data.written"
    assert origin_of(data).phantom
