"""What every competition must do, as tests that a competition gets by a subclass of a few lines.

```python
from pulmo.competitions.catheters.phantom import PhantomSettings
from tests.competitions.whole_run import CompetitionTests


class TestCatheters(CompetitionTests):
    name = "catheters"
    phantom = PhantomSettings(train_images=24, test_images=4, pixels=64)
    overrides = ("features.pixels=32", …)
```
"""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from pulmo.competition import CV_SCORES, CV_TABLE, ESTIMATE, PREDICTED, ROW_SCORES, find_competition
from pulmo.errors import UserError
from pulmo.estimate import Estimate
from pulmo.files import files_below
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.settings import load_settings
from pulmo.pipeline.stage import load
from pulmo.scoring.tables import read_submission, read_table
from pulmo.scoring.validation import validate
from tests.competitions.hidden import check_hidden_test
from tests.figures import check_page, sections_of

_KILL_WITHIN_SECONDS = 300


class Drawn(NamedTuple):
    """Phantom data of a competition, and their hidden solution."""

    data: Path
    solution: Path


@pytest.mark.slow
class CompetitionTests:
    """The tests. Its subclasses are named Test…, and set the attributes.

    Attributes:
        name: of the competition.
        phantom: its `PhantomSettings`, few and small images.
        overrides: settings, as `--set` takes them, with which it trains in seconds: two folds, two epochs.
    """

    name: ClassVar[str]
    phantom: ClassVar[Any]
    overrides: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def run_of(cls, drawn: Drawn, work: Path) -> Run:
        """A run on the phantom data."""
        competition = find_competition(cls.name)
        settings = load_settings(competition.settings, competition.config, overrides=cls.overrides)
        return Run(competition, RunPaths.of(cls.name, "full", drawn.data, work, work / "out"), settings, device="cpu")

    @pytest.fixture(scope="class")
    @classmethod
    def drawn(cls, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
        """Phantom data, drawn once."""
        folder, phantom = tmp_path_factory.mktemp(cls.name), find_competition(cls.name).phantom
        assert phantom is not None
        phantom.write_phantom(folder / "data", folder / "solution.csv", cls.phantom)
        return Drawn(folder / "data", folder / "solution.csv")

    @pytest.fixture(scope="class")
    @classmethod
    def finished(cls, drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> Run:
        """All stages and the cross-validation, run once on `drawn`."""
        run = cls.run_of(drawn, tmp_path_factory.mktemp("work"))
        list(run_stages(run, [*run.competition.stages, run.competition.cv]))
        return run

    def test_phantom_data_pass_the_data_check(self, drawn: Drawn) -> None:
        """Where the competition has one."""
        competition = find_competition(self.name)
        if competition.data_check is None:
            pytest.skip("no data_check.py")
        settings = load_settings(competition.settings, competition.config, overrides=self.overrides)
        assert competition.data_check.check(drawn.data, settings).faults == ()

    def test_a_whole_run_ends_with_a_valid_submission_and_an_estimate(self, finished: Run, drawn: Drawn) -> None:
        """The submission is scored, too."""
        competition, fmt = finished.competition, finished.competition.submission
        submission = read_submission(output(finished, PREDICTED), competition.submission_columns)
        sample = read_table(drawn.data / competition.sample, competition.submission_columns)
        validate(submission, sample, competition.submission_columns, fmt.check_predictions)
        assert np.isfinite(fmt.score(fmt.read_solution(drawn.solution), submission, competition.row_id))
        estimate = Estimate.of(load(output(finished, ESTIMATE)), "estimate")
        stage, _, rows = ROW_SCORES.partition("/")
        if rows in competition.stage(stage).writes:
            scores = load(output(finished, ROW_SCORES))
            assert list(scores) == ["row", "patient", "fold", "score"]
            assert scores["row"].is_unique
            assert scores["score"].mean() == pytest.approx(estimate.score)  # without those that do not count
        assert len(load(output(finished, CV_TABLE))) > 0
        assert np.isfinite(load(output(finished, CV_SCORES))["score"])

    def test_a_blend_of_one_submission_scores_as_that_does(self, finished: Run, drawn: Drawn) -> None:
        """And weights that are none are refused."""
        competition, fmt = finished.competition, finished.competition.submission
        submission, truth = (
            read_submission(output(finished, PREDICTED), competition.submission_columns),
            fmt.read_solution(drawn.solution),
        )
        blended = fmt.blend([submission], [1.0])
        scores = [fmt.score(truth, table, competition.row_id) for table in (blended, submission)]
        assert scores[0] == pytest.approx(scores[1])
        with pytest.raises(UserError, match="are not weights"):
            fmt.blend([submission, submission], [float("nan"), 1.0])

    def test_a_killed_stage_resumes_and_ends_with_the_same_bytes(
        self, finished: Run, drawn: Drawn, tmp_path: Path
    ) -> None:
        """Each stage that reads images or trains networks is killed once it has saved something."""
        run = self.run_of(drawn, tmp_path / "work")
        for spec in run.competition.stages:
            if spec.name == "features" or spec.name.startswith("train_"):
                self._kill(run, spec.name)
            list(run_stages(run, [spec]))
        assert _contents(run) == _contents(finished)

    def test_a_hidden_test_set_is_another_one_of_other_patients(self, drawn: Drawn, tmp_path: Path) -> None:
        """Where the competition can cut one."""
        competition = find_competition(self.name)
        if competition.holdout is None:
            pytest.skip("no hidden_test.py")
        check_hidden_test(self.name, drawn.data, tmp_path, competition.sample)

    def test_every_figure_of_a_finished_run_is_drawn(self, finished: Run, tmp_path: Path) -> None:
        """On the report page, and beside the submission. A figure that fails is a warning, so the test fails."""
        competition = finished.competition
        if competition.figures is None:
            pytest.skip("no figures")
        sections = sections_of(finished)
        assert [section.title for section in sections if not section.figures] == []
        check_page(sections, tmp_path / "page.html")
        assert all(path.stat().st_size for path in competition.figures.draw(finished.paths))

    def _kill(self, run: Run, stage: str) -> None:
        settings = [word for override in self.overrides for word in ("--set", override)]
        folders = ("--data", run.paths.data, "--work", run.paths.work, "--out", run.paths.out)
        words = [self.name, stage, *map(str, folders), "--device", "cpu", *settings]
        process = subprocess.Popen([sys.executable, "-m", "pulmo", *words], stderr=subprocess.DEVNULL)
        until = time.monotonic() + _KILL_WITHIN_SECONDS
        while process.poll() is None and not _has_begun(run, stage) and time.monotonic() < until:
            time.sleep(0.005)
        assert process.poll() is None, "the stage ended before it was killed"
        process.send_signal(signal.SIGKILL)
        process.wait()


def _has_begun(run: Run, stage: str) -> bool:
    """Whether an unfinished stage has saved rows, or the state of a training."""
    folders = run.paths.work.glob(f"{stage}.*.partial/checkpoints")
    saved = [path for folder in folders for path in files_below(folder)]
    return any(path.suffix in (".jsonl", ".npz") and path.stat().st_size for path in saved)


def _contents(run: Run) -> dict[str, bytes]:
    """What the stages left: networks by their weights; without manifests, which hold times."""
    folders = [run.paths.stage(spec.name) for spec in run.competition.stages]
    return {
        path.relative_to(run.paths.work).as_posix(): _weights(path) if path.suffix == ".keras" else path.read_bytes()
        for folder in folders
        for path in files_below(folder)
        if path.name != "manifest.json"
    }


def _weights(network: Path) -> bytes:
    import keras

    return b"".join(array.tobytes() for array in keras.models.load_model(network, compile=False).get_weights())
