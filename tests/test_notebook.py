"""docs/pulmo.ipynb runs from top to bottom."""

from pathlib import Path

import nbformat
import pandas as pd
import pytest

from tests.notebooks import execute

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).parents[1] / "docs/pulmo.ipynb"


def test_the_notebook_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    execute(notebook, tmp_path)
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    for name in ("scan-picture", "forecast"):
        assert any("image/png" in output.get("data", {}) for output in outputs[name])
    assert any(output.get("text", "").startswith("hidden visits: -") for output in outputs["score"])
    submission = pd.read_csv(tmp_path / "submission.csv")
    assert list(submission) == ["Patient_Week", "FVC", "Confidence"]
    assert len(submission) == 3 * 146  # weeks −12 to 133 of three patients
