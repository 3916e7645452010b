"""Where built kernels are, and what their metadata say."""

from pathlib import Path

import pytest

from pulmo.competition import find_competition
from pulmo.errors import UserError
from pulmo.kaggle.folders import built_dataset, built_kernel, kernel_id, read_metadata

OSIC = find_competition("osic")


@pytest.fixture
def metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a built kernel's metadata, not yet written."""
    monkeypatch.chdir(tmp_path)
    path = built_kernel(OSIC, "infer") / "kernel-metadata.json"
    path.parent.mkdir(parents=True)
    return path


def test_a_kernel_and_its_dataset_lie_side_by_side() -> None:
    assert built_kernel(OSIC, "train") == Path("kernels/osic/train/kernel")
    assert built_dataset(OSIC, "infer") == Path("kernels/osic/infer/dataset")


def test_the_name_of_a_built_kernel(metadata: Path) -> None:
    metadata.write_text('{"id": "ada/pulmo-osic-infer"}')
    assert kernel_id(OSIC) == "ada/pulmo-osic-infer"


@pytest.mark.parametrize("name", ['"pulmo"', '"a/b/c"', "7", "null"])
def test_a_name_without_an_owner_is_refused(metadata: Path, name: str) -> None:
    metadata.write_text(f'{{"id": {name}}}')
    with pytest.raises(UserError, match=r"kernel-metadata\.json, id: is .*, not owner/slug\. Build the kernel again"):
        kernel_id(OSIC)


@pytest.mark.usefixtures("metadata")
@pytest.mark.parametrize(
    ("kind", "command"), [("infer", "kernel build` first"), ("train", "kernel build --train` first")]
)
def test_a_kernel_that_is_not_built(kind: str, command: str) -> None:
    with pytest.raises(UserError, match=f"the kernel has not been built. Run `pulmo osic {command}"):
        kernel_id(OSIC, kind)


@pytest.mark.parametrize(
    ("text", "what"), [(None, "there is no such file"), ("{", "is damaged"), ("[]", "holds no JSON object")]
)
def test_metadata_that_cannot_be_read(metadata: Path, text: str | None, what: str) -> None:
    if text is not None:
        metadata.write_text(text)
    with pytest.raises(UserError, match=rf"kernel-metadata\.json: {what}.*\. Build the kernel again"):
        read_metadata(metadata)
