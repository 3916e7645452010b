"""What this machine knows of the user's credentials, so that a name is taken from them and no secret gets out."""

import json
import os
from pathlib import Path
from typing import Any


def user_name() -> str:
    """The name on Kaggle that goes with the credentials; empty where they do not tell it."""
    return os.environ.get("KAGGLE_USERNAME") or str(_kaggle_json().get("username", ""))


def secrets() -> dict[str, str]:
    """Every secret there is, and where it is from."""
    found = {os.environ.get(name, ""): f"the value of {name}" for name in ("KAGGLE_API_TOKEN", "KAGGLE_KEY")}
    found[str(_kaggle_json().get("key", ""))] = "the key in ~/.kaggle/kaggle.json"
    for name in ("access_token", "access_token.txt"):
        path = _folder() / name
        if path.is_file():
            found[path.read_text().strip()] = f"the token in ~/.kaggle/{name}"
    return {secret: where for secret, where in found.items() if secret}


def _kaggle_json() -> dict[str, Any]:
    try:
        known = json.loads((_folder() / "kaggle.json").read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _folder() -> Path:
    return Path.home() / ".kaggle"
