"""Hidden images: whole patients, as the competition's own table names them."""

from pathlib import Path

import numpy as np

from pulmo.phantom.radiograph_dicom import PatientHeader
from pulmo.radiographs.files import ImageFolder
from pulmo.radiographs.holdout import TrainingSet, hide_images
from pulmo.radiographs.phantom import write_image
from pulmo.radiographs.reading import RASTER

HEADER = PatientHeader("p", "50", "F", "PA", "0.143", "1.2.1", "1.2.2", "1.2.3")


def test_patients_of_the_table_are_hidden_whole(tmp_path: Path) -> None:
    images = [f"i{number:02d}" for number in range(24)]
    for image in images:
        write_image(tmp_path / f"data/train/{image}.jpg", np.zeros((8, 8), np.uint8), HEADER)
    patient_of = {image: f"p{number // 4}" for number, image in enumerate(images)}
    training = TrainingSet(
        tmp_path / "data/train.csv", ImageFolder(tmp_path / "data/train", RASTER), "image", patient_of
    )
    hidden = hide_images(training, images, 5, tmp_path / "hidden", "test", seed=0)
    assert len(hidden) == 4
    assert len({patient_of[image] for image in hidden}) == 1
    assert len(list((tmp_path / "hidden/test").iterdir())) == 3  # one is missing, as on Kaggle
    assert len(list((tmp_path / "hidden/train").iterdir())) == 20
