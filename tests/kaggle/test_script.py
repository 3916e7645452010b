"""The kernel's single file: its source, the embedded package, the notebook's cells."""

import ast
import base64
import json
import lzma
import stat
import zipfile
from io import BytesIO

import pytest

from pulmo.competition import find_competition
from pulmo.kaggle.script import build_notebook, build_script, kernel_source, package_zip, weight_files

OSIC = find_competition("osic")
SOURCE = '"""A title."""\nprint(1)\n'


def test_an_inference_kernel_runs_one_stage_and_a_training_kernel_all() -> None:
    def stages(kind: str) -> list[str]:
        constants = {
            node.value for node in ast.walk(ast.parse(kernel_source(OSIC, kind))) if isinstance(node, ast.Constant)
        }
        return [spec.name for spec in OSIC.stages if spec.name in constants]

    assert stages("infer") == ["predict"]
    assert stages("train") == [spec.name for spec in OSIC.stages]


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A package of few bytes in the place of pulmo's."""
    content = bytes(range(256))
    monkeypatch.setattr("pulmo.kaggle.script.package_zip", lambda: content)
    return content


def test_the_package_is_embedded_in_lines_of_120_characters(package: bytes) -> None:
    script = build_script("osic", SOURCE)
    assert script.startswith("# Built by `pulmo osic kernel build`")
    assert script.endswith(SOURCE)
    lines = script.partition('PULMO = """\n')[2].partition('\n"""')[0].split("\n")
    assert {len(line) for line in lines[:-1]} == {120}
    assert 0 < len(lines[-1]) <= 120
    assert lzma.decompress(base64.b85decode("".join(lines))) == package


def test_every_file_of_the_zip_is_plain_and_of_1980() -> None:
    """Equal sources give equal bytes, whoever builds, wherever; what compresses them compresses them together."""
    with zipfile.ZipFile(BytesIO(package_zip())) as opened:
        members = opened.infolist()
    assert [member.filename for member in members] == sorted(member.filename for member in members)
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {stat.filemode(member.external_attr >> 16) for member in members} == {"-rw-r--r--"}
    assert {(member.create_system, member.compress_type) for member in members} == {(3, zipfile.ZIP_STORED)}


@pytest.mark.usefixtures("package")
def test_a_notebook_has_a_title_and_two_cells() -> None:
    notebook = json.loads(build_notebook("osic", SOURCE))
    title, package, kernel = notebook["cells"]
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert title["source"] == ["# A title."]
    assert package["metadata"]["_kg_hide-input"] is True
    assert kernel["source"] == ['"""A title."""\n', "print(1)\n"]
    assert "".join(package["source"] + kernel["source"]) == build_script("osic", SOURCE)
    assert json.loads(build_notebook("osic", "print(1)\n"))["cells"][0]["source"] == ["# osic"]


def test_weights_are_named_without_their_folders() -> None:
    assert list(weight_files()) == ["lungs.npz"]
