"""A small Kaggle on loopback, which speaks the protocol of Kaggle's own client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulmo.kaggle import client, waiting
from tests.kaggle.server import KaggleServer

TOKEN = "KGAT_0123456789abcdef"


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """Kaggle as its client finds it here, in a folder of one's own, with credentials and without pauses."""
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_KERNEL_RUN_TYPE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setattr(client, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.01)
    monkeypatch.chdir(tmp_path)
    with KaggleServer(TOKEN) as server:
        # The client always goes to localhost:7777; through a proxy of a free port, tests do not fight for that one.
        monkeypatch.setenv("http_proxy", server.address)
        yield server
