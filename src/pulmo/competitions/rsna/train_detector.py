"""Route 3: boxes by a one-stage detector, a network a fold, out of fold."""

from pulmo.competitions.rsna.candidates import candidate_table
from pulmo.competitions.rsna.fold_networks import nothing_trained
from pulmo.competitions.rsna.settings import DetectorSettings
from pulmo.pipeline.stage import Stage


def run(stage: Stage, settings: DetectorSettings) -> None:
    """Write `out_of_fold`, `models` and `history`."""
    nothing_trained(stage, "The detector is left out: train_detector.folds is 0")
    stage.write("out_of_fold", candidate_table())
