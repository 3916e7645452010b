from pathlib import Path

import numpy as np
import pytest

from pulmo.competitions.dsb.lidc import count_nodules, read_marks, series_of
from pulmo.phantom.annotation import readings, write_annotation
from pulmo.phantom.chest import plain_lungs
from pulmo.phantom.dicom import Series, write_series
from pulmo.phantom.draw import draw
from pulmo.phantom.geometry import axial, evenly
from pulmo.phantom.mr import animal, draw_animal
from pulmo.phantom.nodules import APART_MM, Nodule, place_nodules, with_nodules


def test_nodules_lie_in_the_lungs_apart_from_each_other_and_have_their_size() -> None:
    body = plain_lungs()
    nodules = place_nodules(body, [5.0, 28.0, 12.0, 12.0], seed=3)
    assert [nodule.diameter_mm for nodule in nodules] == [28.0, 12.0, 12.0, 5.0]
    for nodule in nodules:
        assert min(lung.radius(nodule.ball.surface()).max() for lung in body.lungs) < 1
    for one in range(len(nodules)):
        for other in range(one):
            gap = np.linalg.norm(np.subtract(nodules[one].centre_mm, nodules[other].centre_mm))
            assert gap >= APART_MM + (nodules[one].diameter_mm + nodules[other].diameter_mm) / 2
    assert place_nodules(body, [5.0, 28.0, 12.0, 12.0], seed=3) == nodules


def test_a_drawn_nodule_has_its_volume_and_density() -> None:
    nodule = Nodule((80.0, 5.0, 10.0), 20.0, 40.0)
    grid = axial(evenly(40, 1.0), (64, 64), 1.0, centre_mm=(80.0, 5.0, 10.0))
    with_, without = (draw(body, grid) for body in (with_nodules(plain_lungs(), [nodule]), plain_lungs()))
    dense = (with_ - without) / (40 + 860)
    assert dense.sum() == pytest.approx(4 / 3 * np.pi * 10**3, rel=0.02)


def test_no_room_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no room for a nodule of 200\.0 mm"):
        place_nodules(plain_lungs(), [200.0], seed=0)


def test_written_annotations_are_read_back(tmp_path: Path) -> None:
    grid = axial(evenly(60, 4.0), (128, 128), 2.5)
    truth = place_nodules(plain_lungs(), [6.0, 14.0, 25.0], seed=1)
    files = write_series(tmp_path / "series", np.zeros(grid.volume_shape), grid, Series("LIDC-IDRI-0001"))
    small = Nodule((90.0, 0.0, 0.0), 2.5, 40.0)
    write_annotation(tmp_path / "1.xml", files, grid, readings([*truth, small], seed=1))
    assert series_of(tmp_path / "1.xml") == Series("LIDC-IDRI-0001").uid
    marks = read_marks(tmp_path / "1.xml", (2.5, 2.5))
    assert count_nodules(marks) == 3
    corner = grid.origins[0, :2]
    for nodule in truth:
        nearest = min(marks, key=lambda mark: np.linalg.norm(np.add(mark.centre_mm[:2], corner) - nodule.centre_mm[:2]))
        assert np.add(nearest.centre_mm[:2], corner) == pytest.approx(nodule.centre_mm[:2], abs=3)
        assert nearest.radius_mm == pytest.approx(nodule.diameter_mm / 2, abs=2.6)


def test_tumours_are_bright_and_uniform_or_darker_with_holes() -> None:
    grid = axial(evenly(20, 1.5), (64, 64), 0.9)
    bright, dark = animal("uniform", 4), animal("necrotic", 4)
    assert len(bright.tumour) == 1
    assert len(dark.tumour) >= 4
    means, holes = [], []
    for subject in (bright, dark):
        image = draw_animal(subject, grid, seed=0, noise=0.03)
        points = np.stack([grid.points(index) for index in range(20)])
        inside = image[subject.tumour[0].radius(points) < 0.9]
        means.append(inside.mean())
        holes.append(np.mean(inside < 0.5))
        assert image.min() >= 0
        assert subject.tumour_millilitres == pytest.approx(
            4 / 3 * np.pi * np.prod(subject.tumour[0].semi_axes_mm) / 1000
        )
    assert means[0] > means[1] + 0.15
    assert holes[0] == 0
    assert holes[1] > 0.02
