"""Files uploaded to signed addresses."""

from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.kaggle.upload import put_file
from tests.kaggle.server import SERVER, Answer, KaggleServer


def test_a_file_is_sent_byte_for_byte(kaggle: KaggleServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    put_file(tmp_path / "a.bin", f"{SERVER}/upload/blob0?signature=s3cr3t")
    assert kaggle.blobs == {"blob0": bytes(range(256))}


def test_a_refused_upload_names_the_file_and_not_the_address(kaggle: KaggleServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"a")
    kaggle.fail("PUT", Answer(403, "expired"))
    with pytest.raises(UserError, match=r"sending a\.bin: access is denied: expired") as caught:
        put_file(tmp_path / "a.bin", f"{SERVER}/upload/blob0?signature=s3cr3t")
    assert "s3cr3t" not in str(caught.value)
