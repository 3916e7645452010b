"""`pulmo osic download`: whole archives, broken connections, two at once, full disks."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pulmo.kaggle import download
from pulmo.kaggle.locking import exclusive
from tests.kaggle.archives import raise_no_space, unpacked
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


def test_progress_counts_mebibytes(
    kaggle: KaggleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulmo.pipeline.progress.LEAST_SECONDS", 0.0)
    kaggle.archive, kaggle.file_count = zipped({"a": bytes(5 << 19)}), 1  # 2.5 MiB
    code, _, err = run_pulmo(capsys, "osic", "download")
    assert code == 0
    assert "MiB downloaded: 100 % (2 of 2)" in err
