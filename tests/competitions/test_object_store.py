"""Features, and a prediction, from an object store that fails now and then: byte for byte those from the disk."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pulmo.competition import find_competition
from pulmo.competitions.dsb.phantom import PhantomSettings as ScanSettings
from pulmo.competitions.osic.confidence import Confidence
from pulmo.competitions.osic.ensemble import Ensemble
from pulmo.competitions.osic.phantom import PhantomSettings as PatientSettings
from pulmo.competitions.osic.trained_model import ensemble_record, write_model
from pulmo.competitions.rsna.phantom import PhantomSettings as BoxSettings
from pulmo.competitions.siim.phantom import PhantomSettings as MaskSettings
from pulmo.files import located
from pulmo.pipeline.manifest import MANIFEST, load_manifest
from pulmo.pipeline.parallel import BATCH
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run, run_stages
from pulmo.pipeline.settings import load_settings
from pulmo.pipeline.stage import load
from tests.conftest import Cluster
from tests.object_store import BUCKET, SECRET, InjectedFault, Kind, ObjectStore
from tests.support import map_here, run_pulmo

pytestmark = pytest.mark.slow

FAULTS: tuple[tuple[Kind, str, int], ...] = (
    ("reset", r"list-type", 1),
    ("busy", r"\.csv$", 2),
    ("cut", r"[05a]\.dcm", 1),
    ("reset", r"[1be]\.dcm", 2),
)
PHANTOMS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "osic": (PatientSettings(4, 1), ("features.folds=2", "features.slice_pixels=16", "features.slices=2")),
    "siim": (MaskSettings(train_images=18, test_images=2, pixels=64), ("features.folds=2", "features.pixels=32")),
    "rsna": (BoxSettings(train_images=12, test_images=2, pixels=64), ("features.folds=2", "features.pixels=32")),
    "dsb": (ScanSettings(4, 1, matrix=64), ("features.folds=2", "features.size=[4,16,16]")),
}
BOOSTERS_AND_CT = (
    *PHANTOMS["osic"][1],
    "features.minimum_scans=2",
    "train_gbm.num_iterations=5",
    "train_gbm.min_data_in_leaf=5",
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each competition's phantom data, in a folder of its name."""
    folder = tmp_path_factory.mktemp("phantoms")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulmo.pipeline.parallel.map_items", map_here)
        for name, (phantom, _) in PHANTOMS.items():
            writer = find_competition(name).phantom
            assert writer is not None
            writer.write_phantom(folder / name, folder / f"{name}.csv", phantom)
    return folder


def features(name: str, data: Path, work: Path) -> dict[str, object]:
    """What the stage leaves, by file: bytes; of a table that names the data folder, its rows with that left out."""
    competition = find_competition(name)
    settings = load_settings(competition.settings, competition.config, overrides=PHANTOMS[name][1])
    run = Run(competition, RunPaths.of(name, "test", data, work, work / "out"), settings)
    (made,) = run_stages(run, [competition.stage("features")])
    files = [path for path in made.folder.rglob("*") if path.is_file() and path.name != MANIFEST]
    return {path.relative_to(made.folder).as_posix(): _content(path, data) for path in files}


def _content(path: Path, data: Path) -> object:
    content = path.read_bytes()
    if str(data).encode() not in content:
        return content
    table = pd.read_parquet(path)  # the folder is in a column, or in the table's attributes
    return str(table.dtypes) + table.to_csv().replace(str(data), "")


@pytest.mark.parametrize("name", PHANTOMS)
def test_features_are_those_from_the_disk(
    name: str, drawn: Path, object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulmo.storage.FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("pulmo.pipeline.stage.map_items", map_here)
    data = located(object_store.upload(drawn / name, name))
    faults = [InjectedFault(*fault) for fault in FAULTS]
    with object_store.injecting(*faults):
        assert data.is_dir()  # as every command asks first: one listing serves all that follows
        made = features(name, data, tmp_path / "store")
    assert sum(len(fault.injected) for fault in faults) >= 4
    assert made == features(name, drawn / name, tmp_path / "disk")
    assert len(made) >= 3


def words(data: str | Path, folder: Path) -> list[str]:
    places = ["--data", str(data), "--work", str(folder / "work"), "--out", str(folder / "out")]
    return ["siim", "features", *places, *(word for one in PHANTOMS["siim"][1] for word in ("--set", one))]


def test_predictions_are_those_from_the_disk(
    drawn: Path, object_store: ObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("pulmo.pipeline.stage.map_items", map_here)
    for stage in ("features", "train_gbm"):
        code, _, err = run_pulmo(capsys, *osic_words(stage, drawn / "osic", tmp_path / "trained"))
        assert code == 0, err
    model = boosters_alone(tmp_path / "trained/work", tmp_path / "model")
    url = object_store.upload(drawn / "osic", "predicted")
    code, _, err = run_pulmo(capsys, *osic_words("predict", drawn / "osic", tmp_path / "disk"), "--model", model)
    assert code == 0, err
    with object_store.injecting(*(InjectedFault(*fault) for fault in FAULTS)):
        code, _, err = run_pulmo(capsys, *osic_words("predict", url, tmp_path / "store"), "--model", model)
        assert code == 0, err
        read = {path for path in object_store.requests if path.endswith(".dcm")}
    tested = {path.relative_to(drawn / "osic") for path in drawn.glob("osic/test/*/*.dcm")}
    assert read == {f"/{BUCKET}/predicted/{path.as_posix()}" for path in tested}
    submission = (tmp_path / "store/out/submission.csv").read_bytes()
    assert submission == (tmp_path / "disk/out/submission.csv").read_bytes()
    assert len(submission.splitlines()) == 1 + 146  # of one patient, weeks -12 to 133


def osic_words(command: str, data: str | Path, folder: Path) -> list[str]:
    """A stage with CT statistics of a few scans."""
    places = ["--data", str(data), "--work", str(folder / "work"), "--out", str(folder / "out")]
    return ["osic", command, *places, *(word for one in BOOSTERS_AND_CT for word in ("--set", one))]


def boosters_alone(work: Path, folder: Path) -> Path:
    """A model without networks and linear models, as it is trained in a second."""
    folder.mkdir()
    ensemble = Ensemble(np.ones(1), Confidence(200.0, 2.0, 0.0))
    record = {**ensemble_record(["gbm"], ensemble), **load(work / "features/description.json")}
    write_model(folder, record, {"gbm": work / "train_gbm/models"})
    return folder


def test_a_run_names_its_store_and_notices_what_changes_there(
    drawn: Path, object_store: ObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("pulmo.pipeline.stage.map_items", map_here)
    url = object_store.upload(drawn / "siim", "changing")
    code, _, err = run_pulmo(capsys, *words(url, tmp_path))
    assert code == 0, err
    manifest = load_manifest(tmp_path / "work/features")
    assert manifest is not None
    assert manifest.data == url
    code, _, err = run_pulmo(capsys, *words(url, tmp_path))
    assert code == 0, err
    assert "unchanged, skipped" in err
    image = next((drawn / "siim/dicom-images-train").rglob("*.dcm"))
    key = f"changing/{image.relative_to(drawn / 'siim').as_posix()}"
    object_store.put(key, image.read_bytes()[:-1] + b"\x07")  # of the same size
    code, _, err = run_pulmo(capsys, *words(url, tmp_path))
    assert code == 1
    assert f"was made with another state of {url}/dicom-images-train" in err
    object_store.delete(key)
    code, _, err = run_pulmo(capsys, *words(url, tmp_path), "--replace")
    assert code == 0, err
    table = next(drawn.glob("siim/*train*.csv")).name
    assert f"images of {table} without a file in dicom-images-train: 1, left out" in err


def test_an_image_that_vanishes_is_named_and_denied_access_stops_the_stage(
    drawn: Path, object_store: ObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("pulmo.pipeline.stage.map_items", map_here)
    url = object_store.upload(drawn / "siim", "vanishing")
    image = next((drawn / "siim/dicom-images-train").rglob("*.dcm")).name
    with object_store.injecting(InjectedFault("missing", f"{image}$")):
        code, _, err = run_pulmo(capsys, *words(url, tmp_path / "one"))
    assert code == 0, err
    assert f"{image}: cannot be read (No such file or directory)" in err
    with object_store.injecting(InjectedFault("denied", f"{image}$")):
        code, _, err = run_pulmo(capsys, *words(url, tmp_path / "two"))
    assert code == 1
    assert f"{image}: the store refuses access (AccessDenied)" in err
    code, _, err = run_pulmo(capsys, *words(url, tmp_path / "two"))  # goes on where it stopped
    assert code == 0, err
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()


def test_workers_of_a_cluster_read_the_store_and_a_killed_one_loses_nothing(
    drawn: Path, object_store: ObjectStore, cluster: Cluster, tmp_path: Path
) -> None:
    url = object_store.upload(drawn / "siim", "cluster")
    command = [sys.executable, "-m", "pulmo", *words(url, tmp_path), "--cluster", cluster.address]
    with object_store.injecting(InjectedFault("slow", r"\.dcm")):
        process = subprocess.Popen(command)
        while process.poll() is None and _images_asked_for(object_store) <= BATCH:  # both workers read
            time.sleep(0.02)
        assert process.poll() is None
        cluster.workers[0].kill()
        assert process.wait() == 0
    expected = features("siim", drawn / "siim", tmp_path / "disk")
    assert len(expected) == len(find_competition("siim").stage("features").writes)
    for name, content in expected.items():
        assert (tmp_path / "work/features" / name).read_bytes() == content


def _images_asked_for(store: ObjectStore) -> int:
    return sum(path.endswith(".dcm") for path in store.requests)
