"""Notebooks run in a test."""

import warnings
from pathlib import Path

from nbclient import NotebookClient
from nbformat import NotebookNode

SECONDS = 600


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in a Jupyter kernel of this interpreter, whose current folder is `folder`; outputs are kept in the
    notebook.

    Raises:
        CellExecutionError: a cell has failed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Jupyter's own, about its event loop and its settings
        client = NotebookClient(
            notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        client.execute()
