"""`pulmo osic kernel push` against a Kaggle on loopback."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from pulmo.kaggle import push
from tests.kaggle.server import Answer, KaggleServer
from tests.support import run_pulmo

METADATA = {
    "id": "ada/pulmo-osic-infer",
    "title": "pulmo osic infer",
    "code_file": "kernel.py",
    "language": "python",
    "kernel_type": "script",
    "is_private": "true",
    "enable_gpu": "true",
    "enable_tpu": "false",
    "enable_internet": "false",
    "machine_shape": "NvidiaTeslaT4",
    "session_timeout_seconds": 14400,
    "competition_sources": ["osic-pulmonary-fibrosis-progression"],
    "dataset_sources": ["ada/pulmo-osic-model"],
    "kernel_sources": [],
    "model_sources": [],
    "keywords": [],
    "docker_image_pinning_type": "original",
}
FOLDER = Path("submissions/osic/pulmo-osic-infer-v1")


@pytest.fixture
def built(kaggle: KaggleServer) -> KaggleServer:
    """A kernel as `kernel build` leaves it, and what it will have written on Kaggle."""
    folder = Path("kernels/osic/infer")
    (folder / "kernel").mkdir(parents=True)
    (folder / "dataset/model/models").mkdir(parents=True)
    (folder / "dataset/wheels").mkdir()
    (folder / "kernel/kernel-metadata.json").write_text(json.dumps(METADATA))
    (folder / "kernel/kernel.py").write_text("print('the kernel')\n")
    dataset = {"id": "ada/pulmo-osic-model", "title": "pulmo osic model", "licenses": [{"name": "other"}]}
    (folder / "dataset/dataset-metadata.json").write_text(json.dumps(dataset))
    (folder / "dataset/model/ensemble.json").write_text("{}")
    (folder / "dataset/model/models/fold0.txt").write_text("trees")
    (folder / "dataset/wheels/index.json").write_text("[]")
    (folder / "score.json").write_text('{"run": "full"}')
    kaggle.kernel_output = {"submission.csv": b"Patient_Week,FVC,Confidence\n"}
    return kaggle


def test_a_notebook_is_sent_as_one(built: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("kernels/osic/infer/kernel")
    changed = {"code_file": "kernel.ipynb", "kernel_type": "notebook"}
    (folder / "kernel-metadata.json").write_text(json.dumps(METADATA | changed))
    (folder / "kernel.ipynb").write_text("{}")
    assert run_pulmo(capsys, "osic", "kernel", "push")[0] == 0
    (kernel,) = built.kernels
    assert (kernel["text"], kernel["kernelType"]) == ("{}", "notebook")


def test_dataset_and_kernel_are_sent_and_the_output_fetched(
    built: KaggleServer, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run_pulmo(capsys, "osic", "kernel", "push")
    assert code == 0
    (dataset,) = built.datasets["ada/pulmo-osic-model"]
    assert (dataset["isPrivate"], dataset["licenseName"]) == (True, "other")
    assert "files" not in dataset
    model, wheels = dataset["directories"]
    assert (model["name"], wheels["name"]) == ("model", "wheels")
    assert built.blobs[model["files"][0]["token"]] == b"{}"
    assert built.blobs[model["directories"][0]["files"][0]["token"]] == b"trees"
    (kernel,) = built.kernels
    assert kernel["slug"] == "ada/pulmo-osic-infer"
    assert kernel["text"] == "print('the kernel')\n"
    assert kernel["isPrivate"] is True
    assert kernel["enableInternet"] is False
    assert kernel["machineShape"] == "NvidiaTeslaT4"
    assert kernel["sessionTimeoutSeconds"] == 14400
    assert "dockerImage" not in kernel
    assert kernel["datasetDataSources"] == ["ada/pulmo-osic-model"]
    assert kernel["dockerImagePinningType"] == "original"
    assert (FOLDER / "submission.csv").read_bytes() == built.kernel_output["submission.csv"]
    assert (FOLDER / "kernel.log").read_text() == "a line of the log\n"
    digest = hashlib.sha256(built.kernel_output["submission.csv"]).hexdigest()
    assert json.loads((FOLDER / "score.json").read_text()) == {"run": "full", "submission_sha256": digest}
    assert "--kernel-version 1" in out


def test_a_known_dataset_gets_a_new_version(built: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    run_pulmo(capsys, "osic", "kernel", "push")
    assert run_pulmo(capsys, "osic", "kernel", "push")[0] == 0
    assert len(built.datasets["ada/pulmo-osic-model"]) == 2
    assert len(built.kernels) == 2


def test_the_kernel_starts_on_the_datasets_new_version(built: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    run_pulmo(capsys, "osic", "kernel", "push")
    del built.requested[:]
    built.dataset_lag = 3
    code, _, err = run_pulmo(capsys, "osic", "kernel", "push")
    assert code == 0
    assert "ada/pulmo-osic-model, version 2: sent" in err
    made = built.requested.index("CreateDatasetVersion")
    waited = built.requested[made + 1 : built.requested.index("SaveKernel")]
    assert waited == ["GetDataset"] * 4 + ["GetDatasetStatus"]


def test_status_and_output_are_those_of_the_version_pushed(
    built: KaggleServer, capsys: pytest.CaptureFixture[str]
) -> None:
    built.kernels.append({})  # somebody's version 1; Kaggle here answers 404 to any label but that of the newest
    code, out, _ = run_pulmo(capsys, "osic", "kernel", "push")
    assert code == 0
    assert "version 2: done" in out


@pytest.mark.parametrize(
    "place", ["kernel/kernel.py", "kernel/kernel-metadata.json", "dataset/model/ensemble.json", "score.json"]
)
def test_a_secret_added_after_the_build_is_not_sent(
    built: KaggleServer, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    path = Path("kernels/osic/infer") / place
    path.write_text(path.read_text().replace("{", '{"x": "KGAT_0123456789abcdef",', 1) + "# KGAT_0123456789abcdef")
    if place.endswith("metadata.json"):
        path.write_text(json.dumps({**METADATA, "title": f"pulmo {built.token}"}))
    code, out, err = run_pulmo(capsys, "osic", "kernel", "push")
    assert code == 1
    assert f"{path}: holds the value of KAGGLE_API_TOKEN" in err
    assert built.token not in out + err
    assert built.requested == []


@pytest.mark.parametrize("text", ["", "[]", '{"id": 3}', '{"id": "ada"}', '{"id": "ada/osic"}', "\x00"])
def test_damaged_metadata(built: KaggleServer, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path = Path("kernels/osic/infer/kernel/kernel-metadata.json")
    path.write_text(text)
    code, _, err = run_pulmo(capsys, "osic", "kernel", "push")
    assert code == 1
    assert str(path) in err
    assert "Traceback" not in err
    assert built.requested == []


def test_waiting_tolerates_temporary_errors(built: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    built.fail("GetKernelSessionStatus", Answer(500), Answer(502))
    assert run_pulmo(capsys, "osic", "kernel", "push")[0] == 0


def test_a_kernel_failure_on_kaggle_is_reported(built: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    built.kernel_states = ["RUNNING", "ERROR"]
    code, _, err = run_pulmo(capsys, "osic", "kernel", "push")
    assert code == 1
    assert "failed on Kaggle: No module named 'cc3d'" in err


def test_output_stays_in_its_folder(built: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    built.kernel_output = {"../../../evil.txt": b"evil"}
    code, _, err = run_pulmo(capsys, "osic", "kernel", "push")
    assert code == 1
    assert "outside the folder" in err
    assert not list(Path().rglob("evil.txt"))


def test_a_kernel_without_an_owner_is_not_sent(built: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("kernels/osic/infer/kernel/kernel-metadata.json")
    path.write_text(path.read_text().replace("ada/", "OWNER/"))
    code, _, err = run_pulmo(capsys, "osic", "kernel", "push")
    assert code == 1
    assert "--owner USER" in err
    assert built.requested == []


def test_an_unbuilt_kernel(kaggle: KaggleServer, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run_pulmo(capsys, "osic", "kernel", "push", "--train")
    assert code == 1
    assert "pulmo osic kernel build --train" in err


def test_a_file_is_sent_with_its_size_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = SimpleNamespace(token="blob0", create_url="there")
    client = SimpleNamespace(blobs=SimpleNamespace(blob_api_client=SimpleNamespace(start_blob_upload=lambda _: place)))
    sent: list[tuple[Path, str]] = []
    monkeypatch.setattr(push, "put_file", lambda *what: sent.append(what))
    (tmp_path / "weights.npz").write_bytes(bytes(3_000_000))
    assert push._send_blob(client, tmp_path / "weights.npz").token == "blob0"
    assert sent == [(tmp_path / "weights.npz", "there")]
    assert capsys.readouterr().err == "Sending weights.npz, 3.0 MB …\n"
