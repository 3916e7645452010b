"""Notebooks run in a test."""

import os
import tempfile
import warnings
from pathlib import Path
from unittest.mock import patch

from nbclient import NotebookClient
from nbformat import NotebookNode

SECONDS = 600
HOMES = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in a Jupyter kernel of this interpreter, whose current folder is `folder`; outputs are kept in the
    notebook. Nothing is written to the home folder.

    Raises:
        CellExecutionError: a cell has failed.
    """
    with (
        tempfile.TemporaryDirectory() as home,
        patch.dict(os.environ, dict.fromkeys(HOMES, home)),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of Jupyter's own, about its event loop and its settings
        NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
