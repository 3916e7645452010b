"""Kernels rehearsed: a good one, and one for each cause of failure on Kaggle, with its message.

The environment is the tests' own, so that nothing is installed; `make rehearse` uses Kaggle's versions.
"""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pulmo.competition import Competition, KernelRules, find_competition
from pulmo.errors import UserError
from pulmo.kaggle import limits, sandbox
from pulmo.kaggle import rehearse as rehearse_module
from pulmo.kaggle.metadata import kernel_metadata
from pulmo.kaggle.rehearse import Rehearsal, rehearse
from pulmo.kaggle.resource_monitor import ResourceLimits, ResourceUse
from pulmo.kaggle.sandbox import SandboxConfig
from pulmo.kaggle.script import build_script, kernel_source
from pulmo.pipeline.runner import Run, output
from tests.competitions.osic.conftest import finished, tables
from tests.support import run_pulmo

__all__ = ["finished", "tables"]  # fixtures

OSIC = find_competition("osic")
BUILT = Path("kernels/osic/infer")
GOOD = """
import csv, glob
(sample,) = glob.glob("/kaggle/input/**/sample_submission.csv", recursive=True)
rows = list(csv.reader(open(sample)))
with open("/kaggle/working/submission.csv", "w") as file:
    csv.writer(file).writerows(rows)
print("  note: one scan is left out")
"""
isolated_only = pytest.mark.skipif(not sandbox.has_namespaces(), reason="this system refuses namespaces to its users")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with a built kernel's metadata, and the tests' environment in the place of Kaggle's."""
    monkeypatch.chdir(tmp_path)
    for name in ("kernel", "dataset/wheels"):
        (BUILT / name).mkdir(parents=True)
    metadata = kernel_metadata(OSIC, "infer", "ada", "none")
    (BUILT / "kernel/kernel-metadata.json").write_text(json.dumps(metadata))
    (BUILT / "dataset/wheels/index.json").write_text("[]")
    (BUILT / "dataset/wheels/versions.json").write_text('{"python": "3.2", "packages": []}')
    monkeypatch.setattr(rehearse_module, "prepare_environment", lambda *_: Path(sys.prefix))
    return tmp_path


def rehearse_script(script: str, data: Path, competition: Competition = OSIC) -> Rehearsal:
    (BUILT / "kernel/kernel.py").write_text(script)
    return rehearse(competition, "infer", data, sys.executable)


@pytest.mark.usefixtures("place")
@isolated_only
def test_a_good_kernel_is_run_in_each_layout_and_scored(tables: Path) -> None:
    done = rehearse_script(GOOD, tables)
    assert done.isolated
    assert [run.layout for run in done.runs] == [
        f"/kaggle/input/{OSIC.kaggle_slug}",
        f"/kaggle/input/competitions/{OSIC.kaggle_slug}",
    ]
    truth = pd.read_csv("work/rehearsal/osic/infer/solution.csv").assign(Confidence=100)
    expected = OSIC.submission.score(truth, truth.assign(FVC=2000), "Patient_Week")
    assert [run.score for run in done.runs] == [pytest.approx(expected)] * 2
    assert done.runs[0].notes == ["one scan is left out"]
    assert 0 < done.runs[0].use.memory_bytes < 1e9
    assert done.runs[0].use.disk_bytes > 10_000


@pytest.mark.usefixtures("place")
@isolated_only
def test_resource_use_is_printed_beside_the_limits(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noting = "import os; print('  note: left out: ' + os.path.join(os.path.dirname(sample), 'test/a.dcm'))\n"
    (BUILT / "kernel/kernel.py").write_text(GOOD + noting)
    words = ("osic", "kernel", "rehearse", "--data", tables, "--python", sys.executable)
    code, out, err = run_pulmo(capsys, *words)
    assert code == 0
    assert f"Hidden test set: 3 cases cut from {tables}, an image missing, another broken" in err
    assert err.count("note: ") == 2  # once, whatever the layout
    assert "note: left out: test/a.dcm\n" in err
    rows = [line.split("  ") for line in out.splitlines()]
    cells = [[cell.strip() for cell in row if cell] for row in rows]
    assert cells[0] == ["resource", "used", "limit", "share", "the limit is"]
    assert [row[0] for row in cells[1:5]] == ["time", "memory", "output and /tmp", "script"]
    assert [row[2] for row in cells[1:5]] == ["9 h", "30 GB", "20 GB", "1 MB"]
    assert [row[4] for row in cells[1:5]] == ["known", "assumed", "assumed", "assumed"]
    assert cells[1][1].endswith(" s")
    assert out.splitlines()[-1].startswith("Validated and scored: modified Laplace log likelihood -")


@pytest.mark.usefixtures("place")
@isolated_only
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("open({data!r} + '/test.csv')", "it reads the absolute path {data}/test.csv, which Kaggle does not have"),
        (
            "import urllib.request; urllib.request.urlopen('http://www.kaggle.com')",
            "it needs the internet, which is off",
        ),
        ("import socket; socket.create_connection(('127.0.0.9', 80))", "it needs the internet, which is off"),
        (
            "import pulmo_module_that_is_nowhere",
            "module 'pulmo_module_that_is_nowhere' is neither in Kaggle's image nor among the dataset's wheels",
        ),
        ("import glob; open(glob.glob('/kaggle/input/*')[0] + '/new', 'w')", "which is read-only on Kaggle"),
        ("print('nothing to do')", "it wrote no submission.csv"),
        ("raise SystemExit(7)", "it ended with exit code 7"),
        ("import os; os.kill(os.getpid(), 9)", "the system killed it"),
        (GOOD.replace("writerows(rows)", "writerows(row[:2] for row in rows)"), "has no column 'Confidence'"),
        (GOOD.replace("writerows(rows)", "writerows(rows[:-1])"), "no row for Patient_Week"),
    ],
)
def test_the_fault_of_a_broken_kernel_is_named(script: str, message: str, tables: Path) -> None:
    with pytest.raises(UserError) as caught:
        rehearse_script(script.replace("{data!r}", repr(str(tables))), tables)
    assert message.replace("{data}", str(tables)) in str(caught.value)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("isolated", [pytest.param(True, marks=isolated_only), False])
def test_a_kernel_over_its_memory_limit_is_stopped(
    tables: Path, isolated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.GENERAL, "memory_gb", limits.Limit(0.2, "GB", "known"))
    monkeypatch.setattr(rehearse_module, "has_namespaces", lambda: isolated)
    script = (
        "import multiprocessing, time\n"
        "def fill():\n    held = b'x' * 60_000_000; time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    for _ in range(5):\n        multiprocessing.get_context('fork').Process(target=fill).start()\n"
    )
    with pytest.raises(UserError, match=r"it exceeded the memory limit: stopped at 0\.[2-4]\d GB"):
        rehearse_script(script, tables)


@pytest.mark.parametrize("mount", ["osic-x", "competitions/osic-x"])
def test_notes_are_the_same_for_each_layout(mount: str) -> None:
    folder = f"/tmp/layout1/kaggle/input/{mount}"
    output = f"note: The scan {folder}/test/a is left out\n  note: b has no folder below {folder}: tables\nnothing\n"
    assert rehearse_module._notes(output, mount) == [
        "The scan test/a is left out",
        "b has no folder below osic-x: tables",
    ]


@pytest.mark.parametrize("url", ["https://example.org/osic", "s3://bucket/osic"])
def test_data_in_a_store_are_refused_before_anything_is_asked_of_it(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run_pulmo(capsys, "osic", "kernel", "rehearse", "--data", url)
    assert code == 2
    remedy = "Download a part of it, and name that folder"
    assert err == f"--data {url}: is a URL: the rehearsal links to files on the disk. {remedy}.\n"


@pytest.mark.usefixtures("place")
def test_a_kernel_that_takes_too_long_is_stopped(tables: Path) -> None:
    hasty = replace(OSIC, kernel=KernelRules(cpu_hours=0.0003))
    with pytest.raises(UserError, match="it exceeded the time limit: stopped after"):
        rehearse_script("import time; time.sleep(60)", tables, hasty)


@pytest.mark.usefixtures("place")
def test_without_namespaces_sockets_are_refused(
    tables: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rehearse_module, "has_namespaces", lambda: False)
    with pytest.raises(UserError, match="it needs the internet, which is off"):
        rehearse_script("import urllib.request; urllib.request.urlopen('http://www.kaggle.com')", tables)
    assert "without namespaces" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_without_namespaces_a_folder_replaces_kaggle(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse_module, "has_namespaces", lambda: False)
    source = (
        "from pulmo.kaggle.runtime import WORKING, competition_folder, dataset_folder\n"
        f"sample = competition_folder({OSIC.kaggle_slug!r}) / 'sample_submission.csv'\n"
        "assert (dataset_folder('pulmo-osic-model') / 'wheels/index.json').is_file()\n"
        "(WORKING / 'submission.csv').write_bytes(sample.read_bytes())\n"
    )
    done = rehearse_script(build_script("osic", source), tables)
    assert not done.isolated
    assert len(done.runs) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_the_real_kernel_predicts_from_its_bundle_alone(
    finished: Run, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts = rehearse_module._layouts
    monkeypatch.setattr(rehearse_module, "_layouts", lambda *given: dict([layouts(*given).popitem()]))  # one is enough
    shutil.copytree(output(finished, "fit_ensemble/model"), BUILT / "dataset/model")
    done = rehearse_script(build_script("osic", kernel_source(OSIC, "infer")), tables)
    assert -15 < done.runs[0].score < -5
    assert any(note.endswith("the kernel was built for 3.2") for note in done.runs[0].notes)
    ids = pd.read_csv("work/rehearsal/osic/infer/hidden/test.csv")["Patient"]
    assert len(ids) == 3
    assert not set(ids) & set(pd.read_csv(tables / "test.csv")["Patient"])
    assert json.loads((BUILT / "dataset/wheels/index.json").read_text()) == []


@pytest.mark.parametrize(("written", "refused"), [(2_500_000_000, False), (2_500_000_001, True)])
def test_what_is_written_to_the_disk_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int, refused: bool
) -> None:
    config = SandboxConfig(tmp_path, tmp_path / "kernel.py", {}, Path(sys.prefix), Path("/usr"), {})
    config.working.mkdir(parents=True)
    (config.working / "submission.csv").touch()
    (tmp_path / "log.txt").write_text("done")
    use = ResourceUse(1.0, 10, written, 0, "")
    monkeypatch.setattr(rehearse_module, "start", lambda *_: None)
    monkeypatch.setattr(rehearse_module, "monitor", lambda *_: use)
    allowed = ResourceLimits(60.0, 100.0, 2.5e9)
    if refused:
        with pytest.raises(UserError, match=r"layout \(.*log\.txt\): it wrote 2\.5 GB\. Write fewer or smaller files"):
            rehearse_module._run(config, allowed, False, "layout")
    else:
        assert rehearse_module._run(config, allowed, False, "layout") == (use, "done")
