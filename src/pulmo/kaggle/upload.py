"""A file put where Kaggle says."""

from pathlib import Path

from pulmo.kaggle.client import in_plain_words, web_session


def put_file(path: Path, url: str) -> None:
    """Send a file's bytes to the address that Kaggle gave for it.

    Raises:
        UserError: it did not arrive.
    """
    with in_plain_words(f"sending {path.name}"), web_session() as session, path.open("rb") as file:
        session.put(url, data=file).raise_for_status()
