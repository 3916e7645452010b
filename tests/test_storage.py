"""Objects of an S3 server read as files: paths, listings in pages, faults of the network, and what is refused."""

import json
import os
import pickle
from collections import Counter
from pathlib import Path

import pytest
from distributed import get_worker

from pulmo.errors import CommandLineError, UserError
from pulmo.files import expanded, files_below, folders_below, folders_of, located, state_of
from pulmo.imaging.headers import header_table
from pulmo.imaging.reading import read_volume
from pulmo.phantom.chest import plain_lungs
from pulmo.phantom.dicom import write_series
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import axial, evenly
from pulmo.pipeline.data_folder import origin_of
from pulmo.pipeline.fingerprint import digest_raw
from pulmo.pipeline.parallel import BATCH, map_items
from pulmo.storage import ATTEMPTS, StorePath, forget_listings, in_memory
from tests.conftest import Cluster
from tests.object_store import PAGE_KEYS, SECRET, InjectedFault, Kind, ObjectStore
from tests.support import run_pulmo

FILE = StorePath.of("s3://bucket/pre fix/a/1.dcm")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmo.storage.FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
def phantom_scan(tmp_path: Path) -> Path:
    """A series of 12 slices."""
    grid = axial(evenly(12, 20.0), (64, 64), 4.2)
    write_series(tmp_path / "series", draw(plain_lungs(0.8, 1.0, 0.75), grid, noise_sd=15), grid)
    return tmp_path / "series"


def test_a_url_is_a_path() -> None:
    assert str(FILE) == "s3://bucket/pre fix/a/1.dcm"
    assert (FILE.name, FILE.stem, FILE.suffix) == ("1.dcm", "1", ".dcm")
    assert [str(place) for place in FILE.parents][:3] == ["s3://bucket/pre fix/a", "s3://bucket/pre fix", "s3://bucket"]
    assert FILE.parent / "1.dcm" == FILE
    assert FILE.relative_to(StorePath.of("s3://bucket")).as_posix() == "pre fix/a/1.dcm"
    assert pickle.loads(pickle.dumps(FILE)) == FILE
    assert type(FILE.parent) is type(pickle.loads(pickle.dumps(FILE))) is StorePath
    assert FILE.resolve() == FILE.absolute() == expanded(FILE) == located(str(FILE)) == FILE
    assert located("file:///tmp/a") == Path("/tmp/a")
    assert type(located("s3:/bucket")) is type(Path())


def test_an_object_is_neither_written_nor_opened_by_its_name() -> None:
    for write in (FILE.unlink, FILE.touch, FILE.mkdir, lambda: FILE.write_bytes(b""), lambda: FILE.open("w")):
        with pytest.raises(TypeError, match="is in an object store"):
            write()
    with pytest.raises(TypeError, match="is in an object store"):
        os.stat(FILE)  # noqa: PTH116


@pytest.mark.parametrize(
    ("url", "what"),
    [
        (f"s3://reader:{SECRET}@bucket/prefix", "s3://bucket/prefix: was given with credentials"),
        (f"https://bucket/prefix?X-Amz-Signature={SECRET}", "https://bucket/prefix: was given with credentials"),
        ("s3:///prefix", "s3:///prefix: names no bucket"),
        ("s3://[::1", "is no URL"),
    ],
)
def test_a_url_with_credentials_is_refused_without_showing_them(url: str, what: str) -> None:
    with pytest.raises(CommandLineError) as error:
        expanded(url)
    assert what in str(error.value)
    assert SECRET not in str(error.value)


def test_a_kind_of_store_that_is_unknown_or_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandLineError, match="s4:// is no kind of store"):
        StorePath.of("s4://bucket").is_dir()

    def missing(scheme: str, **options: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.filesystem", missing)
    with pytest.raises(UserError, match=r"needs s3fs, which is not installed. Install it: pip install 'pulmo\[s3\]'"):
        StorePath.of("s3://bucket").is_dir()


def test_a_listing_of_several_pages_is_a_tree_of_folders(object_store: ObjectStore) -> None:
    for number in range(2 * PAGE_KEYS + 1):
        object_store.put(f"tree/a/{number:02}.dcm", b"12345")
    object_store.put("tree/b/deep/[1].dcm", b"1")
    object_store.put("tree/table.csv", b"a,b")
    root = located(object_store.url("tree"))
    assert [(place.name, len(names)) for place, names in folders_below(root)] == [
        ("tree", 1), ("a", 21), ("b", 0), ("deep", 1),
    ]  # fmt: skip
    assert files_below(root)[-2:] == [root / "b/deep/[1].dcm", root / "table.csv"]
    assert sorted(child.name for child in root.iterdir()) == ["a", "b", "table.csv"]
    assert (root / "a").is_dir()
    assert (root / "table.csv").is_file()
    assert not (root / "table.csv").is_dir()
    assert not (root / "c").exists()
    assert (root / "a/00.dcm").stat().st_size == 5
    assert folders_of(["a", "deep", "x"], root) == {"a": root / "a", "deep": root / "b/deep"}
    assert len(object_store.requests) == 3  # all of this from one listing of three pages
    assert (root / "b/deep/[1].dcm").read_bytes() == b"1"
    assert (root / "table.csv").read_text() == "a,b"
    alone = located(object_store.url("tree/table.csv"))
    forget_listings()
    assert alone.is_file()
    assert not alone.is_dir()


@pytest.mark.parametrize("kind", ["reset", "cut", "busy", "slow"])
def test_faults_that_pass_are_outlasted(kind: Kind, object_store: ObjectStore) -> None:
    expected = [bytes([number]) * 3000 for number in range(9)]
    for number, content in enumerate(expected):
        object_store.put(f"faults/{number}", content)
    folder = located(object_store.url("faults"))
    with object_store.injecting(InjectedFault(kind, "list-type", 2), InjectedFault(kind, "faults/[357]", 2)):
        files = files_below(folder)
        with in_memory(files):
            fetched = len(object_store.requests)
            assert [file.read_bytes() for file in files] == expected
            assert len(object_store.requests) == fetched
    assert fetched == 1 + len(expected) + (0 if kind == "slow" else 2 + 3 * 2)


@pytest.mark.parametrize("kind", ["reset", "busy"])
def test_a_store_that_does_not_answer_is_named_after_some_attempts(kind: Kind, object_store: ObjectStore) -> None:
    file = located(object_store.put("silent/1", b"1"))
    with object_store.injecting(InjectedFault(kind)):
        for read in (file.read_bytes, file.is_file):
            object_store.requests.clear()
            with pytest.raises(UserError, match=f"silent/1: the store does not answer: {ATTEMPTS} attempts failed"):
                read()
            assert len(object_store.requests) in (ATTEMPTS, 2 * ATTEMPTS)  # aiohttp repeats one that was reset itself


def test_no_route(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    S3FileSystem.clear_instance_cache()
    with pytest.raises(UserError, match=r"does not answer: 6 attempts failed .EndpointConnectionError."):
        located(object_store.url("x")).is_dir()


def test_denied_access_is_an_error_and_not_a_missing_file(object_store: ObjectStore) -> None:
    file = located(object_store.put("denied/1", b"1"))
    with object_store.injecting(InjectedFault("denied")):
        for read in (file.read_bytes, file.is_file):
            object_store.requests.clear()
            with pytest.raises(UserError, match=r"denied/1: the store refuses access .AccessDenied.\. Ask"):
                read()
            assert len(object_store.requests) == 1


def test_no_credentials(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    S3FileSystem.clear_instance_cache()
    with pytest.raises(UserError, match=r"no credentials were found for it .NoCredentialsError."):
        located(object_store.url("x")).is_dir()


def test_no_bucket_and_no_key(object_store: ObjectStore) -> None:
    with pytest.raises(UserError, match="s3://no-bucket/x: there is no such bucket"):
        located("s3://no-bucket/x").is_dir()
    lost = located(object_store.url("lost.csv"))
    for read in (lost.read_bytes, lost.stat, lambda: state_of(lost), lambda: next(lost.iterdir())):
        with pytest.raises(FileNotFoundError, match=r"lost\.csv"):
            read()
    with in_memory([lost]), pytest.raises(FileNotFoundError):
        lost.open("rb")


def test_an_object_that_changes_is_noticed(object_store: ObjectStore) -> None:
    file = located(object_store.put("changes/1.dcm", b"before"))
    folder, digests, states = file.parent, [digest_raw(file.parent)], [state_of(file)]
    for content in (b"after!", b"longer than before"):
        object_store.put("changes/1.dcm", content)
        assert digest_raw(folder) == digests[-1]  # the listing counts for a minute, or until a command begins
        forget_listings()
        digests.append(digest_raw(folder))
        states.append(state_of(file))
    assert len(set(digests)) == len(set(states)) == 3
    assert [size for size, _ in states] == [6, 6, 18]
    assert origin_of(folder).phantom is False


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for copies of objects, asked for and not yet there."""
    monkeypatch.setenv("PULMO_STORE_CACHE", str(tmp_path / "copies"))
    return tmp_path / "copies"


def test_copies_are_kept_only_where_asked_for(object_store: ObjectStore, tmp_path: Path) -> None:
    assert located(object_store.put("uncopied/1", b"1")).read_bytes() == b"1"
    assert list(tmp_path.iterdir()) == []


def test_an_object_with_a_copy_is_not_fetched_again(object_store: ObjectStore, copies: Path) -> None:
    folder = located(object_store.put("copied/1", b"one")).parent
    object_store.put("copied/2", b"two")
    assert folder.is_dir()  # one listing tells the versions of all
    for asked in (["1", "2", "3", "3"], ["3", "3"]):  # what is missing is asked for again
        object_store.requests.clear()
        with in_memory([folder / "1", folder / "2", folder / "3"]):
            assert [(folder / name).read_bytes() for name in "12"] == [b"one", b"two"]
            with pytest.raises(FileNotFoundError):
                (folder / "3").read_bytes()
        assert sorted(request.rpartition("/")[2] for request in object_store.requests) == asked
    assert sorted(file.read_bytes() for file in files_below(copies)) == [b"one", b"two"]


def test_an_object_that_has_changed_has_no_copy(object_store: ObjectStore, copies: Path) -> None:
    file = located(object_store.put("copy-changes/1", b"before"))
    assert file.read_bytes() == b"before"
    object_store.put("copy-changes/1", b"after!")
    assert file.read_bytes() == b"before"  # the listing counts for a minute, or until a command begins
    forget_listings()
    assert file.read_bytes() == b"after!"
    assert sorted(copy.read_bytes() for copy in files_below(copies)) == [b"after!", b"before"]


def test_what_has_changed_since_the_listing_is_not_kept_under_its_name(object_store: ObjectStore, copies: Path) -> None:
    file = located(object_store.put("copy-races/1", b"before"))
    assert file.is_file()  # listed
    object_store.put("copy-races/1", b"after!")
    assert file.read_bytes() == b"after!"
    assert files_below(copies) == []


def test_a_damaged_copy_is_fetched_again(object_store: ObjectStore, copies: Path) -> None:
    file = located(object_store.put("copy-cut/1", b"whole"))
    assert file.read_bytes() == b"whole"
    (copy,) = files_below(copies)
    for damaged in (b"who", b"hole!"):
        copy.write_bytes(damaged)
        assert file.read_bytes() == b"whole"
        assert copy.read_bytes() == b"whole"


def test_copies_that_cannot_be_written_are_one_sentence(object_store: ObjectStore, copies: Path) -> None:
    copies.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"copies: a store's objects cannot be cached there .*PULMO_STORE_CACHE"):
        located(object_store.put("copy/1", b"1")).read_bytes()


@pytest.mark.slow
def test_a_batch_of_objects_is_fetched_and_mapped_in_other_processes(object_store: ObjectStore) -> None:
    items = {}
    for number in range(BATCH + 3):
        items[f"{number:02}"] = located(object_store.put(f"batch/{number:02}.bin", b"x" * number))
    with object_store.injecting(InjectedFault("busy", r"batch/07", 2)):
        results = dict(map_items(length, items))
    assert results == {f"{number:02}": number for number in range(BATCH + 3)}


def length(path: Path) -> int:
    """How long a file is."""
    return len(path.read_bytes())


@pytest.mark.slow
def test_workers_of_a_cluster_fetch_objects_in_batches(object_store: ObjectStore, cluster: Cluster) -> None:
    items = {f"{number:02}": located(object_store.put(f"tasks/{number:02}.bin", b"x")) for number in range(BATCH + 3)}
    tasks = dict(map_items(task_that_reads, items, cluster.address))
    assert list(Counter(tasks.values()).values()) in ([BATCH, 3], [3, BATCH])
    assert tasks.keys() == items.keys()


def task_that_reads(path: Path) -> str:
    """The name of the cluster's task in which a file is read."""
    path.read_bytes()
    return str(get_worker().get_current_task())


def test_a_scan_in_a_store_is_the_scan_on_the_disk(object_store: ObjectStore, phantom_scan: Path) -> None:
    folder = located(object_store.upload(phantom_scan, "scan"))
    on_disk = read_volume(phantom_scan)
    slices = len(files_below(phantom_scan))
    with object_store.injecting(InjectedFault("cut", "scan/[147].dcm", 1)):
        volume = read_volume(folder)
        assert len(object_store.requests) == (slices + PAGE_KEYS) // PAGE_KEYS + slices + 3  # each once, and the faults
    assert (volume.hu == on_disk.hu).all()
    assert volume.spacing_mm == on_disk.spacing_mm
    assert volume.repairs == on_disk.repairs
    assert volume.source == str(folder)
    assert header_table(folder).equals(header_table(phantom_scan))


def test_the_command_scan_takes_a_url(
    object_store: ObjectStore, phantom_scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = object_store.upload(phantom_scan, "command")
    code, out, err = run_pulmo(capsys, "scan", url, "--out", tmp_path / "out", "--json")
    assert code == 0, err
    facts = json.loads(out)
    volume = read_volume(phantom_scan)
    assert (facts["slices"], facts["spacing_mm"]) == (12, list(volume.spacing_mm))
    assert (tmp_path / "out/montage.png").is_file()
    code, _, err = run_pulmo(capsys, "scan", object_store.url("nothing"))
    assert code == 1
    assert f"{object_store.url('nothing')}: there is no such folder" in err
