"""A file uploaded to an address given by Kaggle."""

from pathlib import Path

from pulmo.kaggle.client import as_user_errors, web_session


def put_file(path: Path, url: str) -> None:
    """Upload a file's bytes to the signed address that Kaggle gave for it.

    Raises:
        UserError: the upload failed.
    """
    with as_user_errors(f"sending {path.name}"), web_session() as session, path.open("rb") as file:
        session.put(url, data=file).raise_for_status()
