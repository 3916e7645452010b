"""A competition's stages inside a Kaggle kernel: files from /kaggle/input, submission and model to /kaggle/working."""

import shutil
from pathlib import Path

from pulmo.commands.run import Request, run_stage
from pulmo.competition import MODEL, find_competition
from pulmo.kaggle.runtime import PRESET, SCRATCH, WORKING, competition_folder, with_companions
from pulmo.pipeline.settings import DEFAULT_PRESET


class KernelRun:
    """The stages of one kernel session; intermediate results stay in a scratch folder, which Kaggle does not keep."""

    def __init__(self, competition: str, bundle: Path) -> None:
        """Find the mounted inputs.

        Args:
            competition: its name.
            bundle: the kernel's mounted dataset. With `model/` in it, that model predicts; without, the kernel trains.

        Raises:
            UserError: the competition's files are not mounted.
        """
        declared = find_competition(competition)
        model = bundle / "model" if (bundle / "model").is_dir() else None
        self._request = Request(
            declared,
            with_companions(competition_folder(declared.kaggle_slug), bundle),
            out=WORKING,
            work=SCRATCH,
            preset=DEFAULT_PRESET if model else PRESET,
            model=model,
        )

    def run(self, stage: str) -> None:
        """Run one stage; a model that it has trained is copied to the kernel's output at once."""
        run_stage(self._request, stage)
        trained, saved = SCRATCH / MODEL, WORKING / "model"
        if trained.is_dir() and not saved.is_dir():
            shutil.copytree(trained, saved)
