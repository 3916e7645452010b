"""What must not leave this machine is found however it is written and packed."""

import base64
import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.kaggle.private import check_private

TOKEN = "KGAT_0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle's folder, and a token in the environment that ends with a line end."""
    for name in ("KAGGLE_KEY", "KAGGLE_IAP_TOKEN", "KAGGLE_CONFIG_DIR", "XDG_CONFIG_HOME", "KAGGLE_API_V1_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_API_TOKEN", f"{TOKEN}\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "built").mkdir()
    return Path("built")


def zipped(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as opened:
        opened.writestr("weights", bytes(1000))
        opened.writestr("inner", content)
    return archive.getvalue()


def tarred(content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as opened:
        member = tarfile.TarInfo("inner")
        member.size = len(content)
        opened.addfile(member, io.BytesIO(content))
    return archive.getvalue()


PLAIN = TOKEN.encode()
WRITTEN: dict[str, Callable[[], bytes]] = {
    "plain": lambda: b'TOKEN = "' + PLAIN + b'"',
    "between bytes": lambda: bytes(range(256)) + PLAIN + b"\xff\x00",
    "UTF-16": lambda: TOKEN.encode("utf-16"),
    "UTF-16, the other order": lambda: TOKEN.encode("utf-16-be"),
    "base64": lambda: base64.b64encode(b"ada:" + PLAIN + b"!"),
    "base64 on lines": lambda: base64.encodebytes(b"x" * 50 + PLAIN + b"y" * 50),
    "hexadecimal": lambda: PLAIN.hex().encode(),
    "on two lines": lambda: PLAIN[:9] + b"\r\n" + PLAIN[9:],
    "zip": lambda: zipped(PLAIN),
    "zip in a zip": lambda: zipped(zipped(PLAIN), zipfile.ZIP_STORED),
    "gzip": lambda: gzip.compress(PLAIN),
    "bzip2": lambda: bz2.compress(PLAIN),
    "xz": lambda: lzma.compress(PLAIN),
    "tar": lambda: tarred(zipped(PLAIN)),
    "tar.gz": lambda: gzip.compress(tarred(PLAIN)),
}


@pytest.mark.parametrize("content", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize("name", ["network.keras", "a/b/some.whl"])
def test_a_secret_is_found_however_it_is_written(folder: Path, content: Callable[[], bytes], name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content())
    with pytest.raises(UserError, match=f"{name}: holds the value of KAGGLE_API_TOKEN") as caught:
        check_private(folder)
    assert TOKEN not in str(caught.value)


def test_archives_are_opened_four_deep(folder: Path) -> None:
    """So that no archive of archives without end keeps a build busy."""
    content = PLAIN
    for _ in range(4):
        content = gzip.compress(content)
    (folder / "a.gz").write_bytes(content)
    with pytest.raises(UserError, match="holds the value"):
        check_private(folder)
    (folder / "a.gz").write_bytes(gzip.compress(content))
    check_private(folder)


def test_names_are_searched_and_not_shown(folder: Path) -> None:
    (folder / f"model-{TOKEN}").mkdir()
    (folder / f"model-{TOKEN}" / "a.txt").write_text("")
    with pytest.raises(UserError, match=r"built/model-…/a\.txt: holds the value of KAGGLE_API_TOKEN") as caught:
        check_private(folder)
    assert TOKEN not in str(caught.value)


def test_a_damaged_member_hides_no_other(folder: Path) -> None:
    archive = bytearray(zipped(PLAIN))
    archive[38] ^= 0xFF  # among the packed bytes of the first member, "weights"
    (folder / "network.keras").write_bytes(archive)
    with pytest.raises(UserError, match="holds the value"):
        check_private(folder)


def test_paths_of_this_machine(folder: Path, tmp_path: Path) -> None:
    (folder / "a.txt").write_text(f"{tmp_path}/data/train.csv {tmp_path}/home/x")
    with pytest.raises(UserError) as caught:
        check_private(folder)
    assert [fault.what for fault in caught.value.faults] == ["holds this folder's path", "holds the home folder's path"]


def test_wheels_may_hold_paths(folder: Path, tmp_path: Path) -> None:
    (folder / "some.whl").write_bytes(zipped(f"{tmp_path}/build".encode()))
    check_private(folder)


def test_a_home_that_is_the_root_is_in_every_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    (folder / "a.txt").write_text("https://www.kaggle.com /kaggle/working")
    check_private(folder)


def test_a_clean_folder_passes(folder: Path) -> None:
    (folder / "model.txt").write_text("KGAT_0123456789abcde")  # one digit less
    (folder / "network.keras").write_bytes(zipped(b"weights"))
    (folder / "cut.gz").write_bytes(gzip.compress(b"weights")[:-3])
    check_private(folder)
