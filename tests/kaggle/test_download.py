"""`pulmo osic download`: whole archives, broken connections, and unsafe archives."""

import errno
import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.kaggle import download
from pulmo.kaggle import unpack as unpack_module
from pulmo.kaggle.locking import exclusive
from pulmo.kaggle.unpack import DamagedArchiveError, unpack
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


def raise_no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def unpacked(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_fetched_unpacked_and_counted(offered: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_pulmo(capsys, "osic", "download")
    assert (code, out) == (0, f"{FOLDER}: 3 files\n")
    assert unpacked(FOLDER) == FILES
    assert [path.name for path in Path("data").iterdir()] == [SLUG]


def test_a_broken_download_is_resumed(
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
    offered.archive = zipped(FILES)
    assert run_pulmo(capsys, "osic", "download")[0] == 0  # what was damaged is fetched again
    assert unpacked(FOLDER) == FILES


@pytest.mark.parametrize("mark", ["", "nul", '"cut', "[1]", "null", '""'])
def test_a_damaged_mark_starts_over(
    offered: KaggleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setattr(download, "CHUNK_BYTES", 1024)
    offered.cut_after = 4096
    run_pulmo(capsys, "osic", "download")
    path = FOLDER.with_name(f"{SLUG}.zip.part.json")
    assert path.is_file()
    path.write_text(mark)
    assert run_pulmo(capsys, "osic", "download")[0] == 0
    assert offered.ranges == ["", ""]
    assert unpacked(FOLDER) == FILES
    assert [path.name for path in Path("data").iterdir()] == [SLUG]


def test_more_than_kaggle_has_starts_over(
    offered: KaggleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "CHUNK_BYTES", 1024)
    offered.cut_after = 4096
    run_pulmo(capsys, "osic", "download")
    part = FOLDER.with_name(f"{SLUG}.zip.part")
    part.write_bytes(bytes(len(offered.archive) + 5))
    assert run_pulmo(capsys, "osic", "download")[0] == 0
    assert unpacked(FOLDER) == FILES


def test_the_users_own_archive_is_left_alone(offered: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    own = FOLDER.with_name(f"{SLUG}.zip")
    own.parent.mkdir()
    own.write_bytes(b"the user's")
    assert run_pulmo(capsys, "osic", "download")[0] == 0
    assert unpacked(FOLDER) == FILES
    assert own.read_bytes() == b"the user's"


def start_download() -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "pulmo", "osic", "download"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("done", [True, False], ids=["that ends well", "that is stopped"])
def test_a_second_download_waits_for_the_first(offered: KaggleServer, done: bool) -> None:
    lock = FOLDER.with_name(f"{SLUG}.lock")
    with exclusive(lock, ""):
        second = start_download()
        assert second.stderr is not None
        assert "Another process is downloading into" in second.stderr.readline()
        (FOLDER / "train/a").mkdir(parents=True)
        for name in FILES if done else list(FILES)[:2]:
            (FOLDER / name).write_bytes(FILES[name])
    out, err = second.communicate()
    assert (second.returncode, out) == (0, f"{FOLDER}: 3 files\n"), err
    assert unpacked(FOLDER) == FILES
    assert offered.ranges == ([] if done else [""])
    assert [path.name for path in Path("data").iterdir()] == [SLUG]


def test_two_downloads_at_once(offered: KaggleServer) -> None:
    both = [start_download() for _ in range(2)]
    output = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], output
    assert unpacked(FOLDER) == FILES
    assert [path.name for path in Path("data").iterdir()] == [SLUG]


def test_a_disk_that_fills_while_it_fetches(
    offered: KaggleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(download, "_write", raise_no_space)
        code, _, err = run_pulmo(capsys, "osic", "download")
    assert code == 1
    assert f"{FOLDER}: no space is left on the disk; free some" in err
    assert run_pulmo(capsys, "osic", "download")[0] == 0
    assert unpacked(FOLDER) == FILES


def test_a_full_disk_is_foreseen_before_the_download(
    offered: KaggleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("pulmo.kaggle.download.shutil.disk_usage", lambda _: usage)
    code, _, err = run_pulmo(capsys, "osic", "download")
    assert code == 1
    assert "Free some space" in err
    assert unpacked(Path("data")) == {}


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


@pytest.mark.parametrize(("free_gib", "shown"), [(3.5, "2.5"), (1.25, "0.2"), (0.5, "0.0")])
def test_what_is_needed_and_free_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gib: float, shown: str
) -> None:
    """1 GiB stays free."""
    member = zipfile.ZipInfo("a")
    member.file_size = 3 * 2**30
    disk_has(monkeypatch, int(free_gib * 2**30))
    with pytest.raises(UserError, match=rf"needs 3\.0 GiB more, of which {shown} GiB are free"):
        unpack_module._check_space(tmp_path / "folder", [member])


def test_a_disk_that_just_holds_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive_of(tmp_path, ("a", b"abc"))
    disk_has(monkeypatch, 2**30 + 2)
    with pytest.raises(UserError, match="Free some space"):
        unpack(path, tmp_path / "folder")
    disk_has(monkeypatch, 2**30 + 3)
    assert unpack(path, tmp_path / "folder") == 1


def disk_has(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr("pulmo.kaggle.unpack.shutil.disk_usage", lambda _: usage)


def test_progress_counts_mebibytes(
    kaggle: KaggleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulmo.pipeline.progress.LEAST_SECONDS", 0.0)
    kaggle.archive, kaggle.file_count = zipped({"a": bytes(5 << 19)}), 1  # 2.5 MiB
    code, _, err = run_pulmo(capsys, "osic", "download")
    assert code == 0
    assert "MiB downloaded: 100 % (2 of 2)" in err


def test_what_is_there_is_not_unpacked_again(tmp_path: Path) -> None:
    path, folder = archive_of(tmp_path, ("a", b"new"), ("b", b"new")), tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_bytes(b"new")
    (folder / "a").touch()
    before = (folder / "a").stat().st_ino
    (folder / "b.started").write_bytes(b"n")
    assert unpack(path, folder) == 2
    assert unpacked(folder) == {"a": b"new", "b": b"new"}
    assert (folder / "a").stat().st_ino == before


def test_a_changed_file_of_the_same_size_is_unpacked(tmp_path: Path) -> None:
    path, folder = archive_of(tmp_path, ("a", b"new")), tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_bytes(b"old")
    assert unpack(path, folder) == 1
    assert unpacked(folder) == {"a": b"new"}


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_members_end_in_a_sentence(tmp_path: Path, method: int) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", method) as opened:
        opened.writestr("a", bytes(range(256)) * 4)
    sound = path.read_bytes()
    for place in range(40, 60):  # the member's packed bytes begin after 30 bytes and its name
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0xFF]) + sound[place + 1 :])
        with pytest.raises(DamagedArchiveError, match="is damaged"):
            unpack(path, tmp_path / "folder")
        assert unpacked(tmp_path / "folder") == {}


def test_a_folder_in_the_way_of_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    with pytest.raises(UserError, match="'a' cannot be written"):
        unpack(archive_of(tmp_path, ("a", b"a")), folder)
    (folder / "b").write_bytes(b"a file")
    with pytest.raises(UserError, match="'b/c' cannot be written"):
        unpack(archive_of(tmp_path, ("b/c", b"a")), folder)
    with pytest.raises(UserError, match="cannot be written"):
        unpack(archive_of(tmp_path, ("n" * 300, b"a")), folder)


def test_a_disk_that_fills_while_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.copyfileobj", raise_no_space)
    with pytest.raises(OSError, match="No space"):  # a sentence of the command line's
        unpack(archive_of(tmp_path, ("a", b"a")), tmp_path / "folder")
    assert unpacked(tmp_path / "folder") == {}
