"""`pulmo NAME report` before anything is trained, and `pulmo report`, the index of runs."""

import json
import re
from pathlib import Path

import pytest

from pulmo.competitions.osic.phantom import PhantomSettings, write_phantom
from tests.support import run_pulmo


@pytest.mark.slow
def test_a_page_of_the_data_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_phantom(tmp_path / "data", tmp_path / "solution.csv", PhantomSettings(8, 2, seed=0, scans=False))
    code, out, err = run_pulmo(capsys, "osic", "report", "--data", "data")
    assert (code, out) == (0, "submissions/osic/full/report.html\n")
    assert "MB in" in err
    text = Path(out.strip()).read_text()
    assert "<code>pulmo osic run --data data --run full</code>" in text
    assert "visits of 8 patients" in text
    assert "Losses: left out" in text

    code, out, _ = run_pulmo(capsys, "osic", "report", "--data", "nowhere")
    assert code == 1


def test_the_index_holds_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run_pulmo(capsys, "report")
    assert code == 0
    assert "No run yet" in Path(out.strip()).read_text()

    for name, run, score in (("osic", "one", -6.5), ("dsb", "two", 0.25)):
        folder = Path("submissions") / name / run
        folder.mkdir(parents=True)
        estimate = {"score": score, "standard_error": 0.125}
        (folder / "score.json").write_text(json.dumps({"metric": "a metric", "estimate": estimate}))
    (Path("submissions") / "osic" / "one" / "report.html").write_text("a page")
    (Path("submissions") / "siim" / "empty").mkdir(parents=True)
    _, out, _ = run_pulmo(capsys, "report")
    text = Path(out.strip()).read_text()
    rows = re.findall(r"<tr><td[ >].*?</tr>", text)
    assert len(rows) == 2
    assert text.index("Data Science Bowl") < text.index("OSIC")
    assert "Log loss (lower is better ↓)" in text
    assert 'data-value="0.25"' in rows[0]
    assert 'href="osic/one/report.html"' in rows[1]
    assert 'data-value="-6.5"' in rows[1]
    assert "the winner&#x27;s private score on Kaggle is -6.8305, of another test set" in text

    run_pulmo(capsys, "report", "--out", tmp_path / "elsewhere" / "index.html")
    assert 'href="../submissions/osic/one/report.html"' in (tmp_path / "elsewhere/index.html").read_text()
