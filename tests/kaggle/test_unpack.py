"""Archives unpacked: unsafe and damaged ones are refused, what is there is kept, a full disk is foreseen."""

import stat
import zipfile
from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.kaggle import unpack as unpack_module
from pulmo.kaggle.unpack import DamagedArchiveError, unpack
from tests.kaggle.archives import raise_no_space, unpacked


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


def test_a_damaged_archive_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(b"no archive")
    with pytest.raises(DamagedArchiveError) as caught:
        unpack(path, tmp_path / "folder")
    assert str(caught.value) == f"{path}: is damaged (File is not a zip file). Download it again."


def test_folders_in_an_archive_are_not_counted(tmp_path: Path) -> None:
    assert unpack(archive_of(tmp_path, ("a/", b""), ("a/b", b"b")), tmp_path / "folder") == 1


def test_a_name_with_dots_in_it_is_no_way_out(tmp_path: Path) -> None:
    assert unpack(archive_of(tmp_path, ("a..b/..c", b"c")), tmp_path / "folder") == 1
    assert unpacked(tmp_path / "folder") == {"a..b/..c": b"c"}


def test_what_is_unpacked_may_be_200_times_as_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ratio is that of the bytes on disk: one byte more of a member's declared size is refused."""
    archive = tmp_path / "archive.zip"
    archive.write_bytes(bytes(10))
    member = zipfile.ZipInfo("zeros")
    member.file_size = 2000
    unpack_module._check(archive, [member])
    member.file_size = 2001
    with pytest.raises(DamagedArchiveError, match=r"would unpack to 0\.0 GiB, over 200 times its size"):
        unpack_module._check(archive, [member])
    member.file_size = 3 * 2**29
    with pytest.raises(DamagedArchiveError, match=r"would unpack to 1\.5 GiB"):
        unpack_module._check(archive, [member])


def test_a_failed_unpacking_leaves_no_partial_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfileobj", stop)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive_of(tmp_path, ("a", b"a")), tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []
