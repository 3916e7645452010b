"""`pulmo osic download`: whole archives, broken connections, and archives that are not to be trusted."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.kaggle import download
from pulmo.kaggle import unpack as unpack_module
from pulmo.kaggle.unpack import unpack
from tests.kaggle.server import KaggleServer
from tests.support import run_pulmo

SLUG = "osic-pulmonary-fibrosis-progression"
FOLDER = Path("data") / SLUG


def zipped(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return archive.getvalue()


FILES = {"train.csv": b"Patient\n", "train/a/1.dcm": bytes(range(256)) * 40, "train/a/2.dcm": b"slice"}


@pytest.fixture
def offered(kaggle: KaggleServer) -> KaggleServer:
    kaggle.archive, kaggle.file_count = zipped(FILES), len(FILES)
    return kaggle


def unpacked(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_fetched_unpacked_and_counted(offered: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_pulmo(capsys, "osic", "download")
    assert (code, out) == (0, f"{FOLDER}: 3 files\n")
    assert unpacked(FOLDER) == FILES
    assert [path.name for path in Path("data").iterdir()] == [SLUG]


def test_a_broken_connection_is_gone_on_with(
    offered: KaggleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "CHUNK_BYTES", 1024)
    offered.cut_after = 4096
    code, _, err = run_pulmo(capsys, "osic", "download")
    assert code == 1
    assert "Traceback" not in err
    assert "s3cr3t" not in err
    assert run_pulmo(capsys, "osic", "download")[0] == 0
    assert offered.ranges == ["", "bytes=4096-"]
    assert unpacked(FOLDER) == FILES


def test_a_new_version_is_not_mixed_with_the_old(
    offered: KaggleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "CHUNK_BYTES", 1024)
    offered.cut_after = 4096
    run_pulmo(capsys, "osic", "download")
    new = {**FILES, "train/a/2.dcm": b"another slice"}
    offered.archive = zipped(new)
    assert run_pulmo(capsys, "osic", "download")[0] == 0
    assert offered.ranges == ["", "bytes=4096-"]
    assert unpacked(FOLDER) == new


def test_missing_files_are_noticed(offered: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    offered.file_count = 5
    code, _, err = run_pulmo(capsys, "osic", "download")
    assert code == 1
    assert "holds 3 files, but Kaggle lists 5" in err


def test_a_damaged_archive(offered: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    offered.archive = offered.archive.replace(b"slice", b"slide", 1)
    code, _, err = run_pulmo(capsys, "osic", "download")
    assert code == 1
    assert "is damaged" in err
    assert not (FOLDER / "train/a/2.dcm").exists()


def archive_of(tmp_path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for member, content in members:
            opened.writestr(member, content)
    return path


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:/evil.txt"])
def test_nothing_is_written_outside_the_folder(tmp_path: Path, name: str) -> None:
    path = archive_of(tmp_path, ("good.txt", b"good"), (name, b"evil"))
    with pytest.raises(UserError, match="outside the folder"):
        unpack(path, tmp_path / "folder")
    assert list(tmp_path.iterdir()) == [path]


def test_links_are_not_followed(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(UserError, match="'link' is a link"):
        unpack(archive_of(tmp_path, (link, b"/etc/passwd")), tmp_path / "folder")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = archive_of(tmp_path, ("zeros", bytes(20_000_000)))
    with pytest.raises(UserError, match="over 200 times its size"):
        unpack(path, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_full_disk_is_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack_module, "SPARE_BYTES", 2**60)
    with pytest.raises(UserError, match="Free some space"):
        unpack(archive_of(tmp_path, ("a", b"a")), tmp_path / "folder")


def test_what_is_there_is_not_unpacked_again(tmp_path: Path) -> None:
    path, folder = archive_of(tmp_path, ("a", b"new"), ("b", b"new")), tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_bytes(b"old")  # as large: it counts as whole
    (folder / "b.started").write_bytes(b"n")
    assert unpack(path, folder) == 2
    assert unpacked(folder) == {"a": b"old", "b": b"new"}
