"""Demo data in Kaggle's layout: drawn chest X-rays as JPEG, and what each of them shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pulmo.competition_template import COMPETITION
from pulmo.competition_template.data import TEST_IMAGES, TRAIN_IMAGES
from pulmo.competition_template.submission import ID, LABELS, PATIENT, TRAIN_TABLE
from pulmo.phantom import distractors
from pulmo.pipeline.csv_files import write_tables
from pulmo.radiographs.labelled_phantom import DrawFinding, ImagePlaces, draw_labelled_images
from pulmo.radiographs.phantom import RadiographPhantomSettings

FINDINGS: Mapping[str, DrawFinding] = {
    "effusion": distractors.effusion,
    "pacemaker": distractors.pacemaker,
    "bulla": distractors.bulla,
}
"""What is drawn for each label."""


@dataclass(frozen=True)
class PhantomSettings(RadiographPhantomSettings):
    """See there; small images, because the demo's networks see still smaller ones."""

    test_images: int = 80
    pixels: int = 256


def write_phantom(
    folder: Path,
    solution: Path,
    settings: PhantomSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the competition's files; see `pulmo.competition.Phantom`."""
    places = ImagePlaces(folder / TRAIN_IMAGES, folder / TEST_IMAGES, ".jpg")
    names = {"image": ID, "patient": PATIENT}
    drawn = draw_labelled_images(places, FINDINGS, settings or PhantomSettings(), progress)
    train, test = (table.rename(columns=names) for table in drawn)
    truth = test[[ID, *LABELS]]
    write_tables(
        {
            folder / TRAIN_TABLE: train[[ID, *LABELS, PATIENT]],
            folder / COMPETITION.sample: truth.assign(**dict.fromkeys(LABELS, 0)),
            solution: truth,
        }
    )
