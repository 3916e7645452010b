"""Whether an X-ray is a frontal chest."""

from typing import Any

import numpy as np
import pytest

from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.radiograph import Radiograph, RadiographHeader
from pulmo.radiographs.frontal import LungShape, assess_frontal, is_mirrored, measure_shape
from pulmo.radiographs.lungs import RadiographLungs

HEADER = RadiographHeader(None, None, None, "PA", "DX", 100, 100, None, "CHEST", "L\\F")


def lungs(right: tuple[slice, slice], left: tuple[slice, slice]) -> np.ndarray:
    labels = np.zeros((100, 100), np.uint8)
    labels[right], labels[left] = RIGHT, LEFT
    return labels


GREY = np.arange(100 * 100, dtype=np.uint8).reshape(100, 100)
GOOD = lungs(np.s_[20:80, 10:40], np.s_[20:80, 60:90])


def doubts(labels: np.ndarray = GOOD, certainty: float = 1.0, header: RadiographHeader = HEADER) -> str:
    return "; ".join(assess_frontal(RadiographLungs(labels, certainty), Radiograph(GREY, header)))


def test_measures_of_two_rectangles() -> None:
    found = measure_shape(lungs(np.s_[20:80, 10:40], np.s_[30:80, 55:95]))
    # Areas 60 · 30 and 50 · 40; centres (49.5, 24.5) and (54.5, 74.5), their middle 49.5, the image's 49.5.
    assert found == LungShape(share=0.38, balance=0.9, tilt=0.1, tall=1.25, off_centre=0.0)
    # Ten columns of a hundred to the right.
    aside = measure_shape(lungs(np.s_[20:80, 20:50], np.s_[20:80, 70:100]))
    assert aside is not None
    assert aside.off_centre == 0.1
    assert measure_shape(lungs(np.s_[20:80, 10:40], np.s_[0:0, 0:0])) is None


@pytest.mark.parametrize("view", ["PA", "ap", None])
@pytest.mark.parametrize("orientation", ["L\\F", "R\\F", "L\\FR", None])
@pytest.mark.parametrize("body_part", ["CHEST", "Thorax PA", None])
@pytest.mark.parametrize("modality", ["CR", "DX", None])
def test_a_frontal_chest_is_not_doubted(
    view: str | None, orientation: str | None, body_part: str | None, modality: str | None
) -> None:
    header = HEADER._replace(view=view, orientation=orientation, body_part=body_part, modality=modality)
    assert doubts(header=header) == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"view": "LL"}, "its ViewPosition is LL, neither PA nor AP"),
        ({"body_part": "HAND"}, "its BodyPartExamined is HAND"),
        ({"modality": "CT"}, "its Modality is CT"),
        ({"orientation": "A\\F"}, "its PatientOrientation is A\\F: not from side to side and head to feet"),
        ({"orientation": "L\\H"}, "its PatientOrientation is L\\H: not from side to side and head to feet"),
    ],
)
def test_the_header_tells(value: dict[str, Any], reason: str) -> None:
    assert doubts(header=HEADER._replace(**value)) == reason


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros((100, 100), np.uint8), "no lungs were found"),
        (lungs(np.s_[20:80, 10:40], np.s_[0:0, 0:0]), "only one lung was found"),
        (lungs(np.s_[40:60, 30:40], np.s_[40:60, 60:70]), "the lungs fill 4.0% of the image"),
        (lungs(np.s_[20:80, 10:40], np.s_[40:60, 65:85]), "one lung has 22% of the other's area"),
        (lungs(np.s_[0:60, 10:40], np.s_[40:100, 60:90]), "one lung lies higher than the other"),
        (lungs(np.s_[40:60, 5:45], np.s_[40:60, 55:95]), "a lung is wider than tall"),
        (lungs(np.s_[20:80, 0:20], np.s_[20:80, 30:50]), "the lungs are not in the middle of the image"),
        # Just frontal, or just not.
        (lungs(np.s_[40:60, 30:50], np.s_[40:60, 60:80]), ""),  # 8 % of the image, and as wide as tall
        (lungs(np.s_[20:80, 10:40], np.s_[38:62, 60:90]), ""),  # 40 % of the other's area, and 24 to 30 tall
        (lungs(np.s_[5:65, 10:40], np.s_[25:85, 60:90]), ""),  # 20 rows higher in 50 columns
        (lungs(np.s_[5:65, 10:40], np.s_[30:90, 60:90]), "one lung lies higher than the other"),  # 25 rows
        (lungs(np.s_[20:80, 2:22], np.s_[20:80, 42:62]), ""),  # 17.5 columns from the middle
        (lungs(np.s_[20:80, 0:20], np.s_[20:80, 40:60]), "the lungs are not in the middle of the image"),  # 19.5
        # The limits themselves are of a frontal chest: 7 % of the image, 35 % of the other's area, 22.5 rows in 50
        # columns, 32 rows and 40 columns, 18 columns from the middle.
        (lungs(np.s_[40:65, 30:44], np.s_[40:65, 56:70]), ""),
        (lungs(np.s_[20:70, 10:50], np.s_[28:63, 65:85]), ""),
        (lungs(np.s_[5:65, 10:40], np.s_[27:88, 60:90]), ""),
        (lungs(np.s_[30:62, 5:45], np.s_[30:62, 55:95]), ""),
        (lungs(np.s_[20:80, 4:24], np.s_[20:80, 40:60]), ""),
    ],
)
def test_the_lungs_tell(labels: np.ndarray, reason: str) -> None:
    assert doubts(labels) == reason


def test_an_uncertain_network_tells() -> None:
    assert "the network is uncertain (0.80" in doubts(certainty=0.8)


@pytest.mark.parametrize(
    ("levels", "reasons"),
    [
        ([9], ("only one grey level: no X-ray",)),
        ([0, 255], ("only two grey levels: a mask, no X-ray",)),
        ([7, 8], ("only two grey levels: a mask, no X-ray",)),
        ([0, 1, 255], ()),
    ],
)
def test_the_grey_levels_tell_a_mask(levels: list[int], reasons: tuple[str, ...]) -> None:
    grey = np.resize(np.array(levels, np.uint8), (100, 100))
    assert assess_frontal(RadiographLungs(GOOD, 1.0), Radiograph(grey, HEADER)) == reasons


def test_patient_orientation_tells_a_mirror_image() -> None:
    mirrored = [is_mirrored(HEADER._replace(orientation=value)) for value in ("R\\F", "L\\F", None, "RP\\F")]
    assert mirrored == [True, False, False, True]


@pytest.mark.parametrize(
    ("certainty", "reason"), [(0.9, ""), (0.89, "the network is uncertain (0.89; usual: above 0.93)")]
)
def test_a_network_is_certain_from_nine_tenths_on(certainty: float, reason: str) -> None:
    assert doubts(certainty=certainty) == reason


def test_large_masks_are_sampled() -> None:
    """A lung of a pixel in each odd row and column of 512 × 512 is not seen: every second pixel is measured."""
    labels = np.zeros((512, 512), np.uint8)
    labels[101, 101] = RIGHT
    labels[100:200, 300:400] = LEFT
    assert measure_shape(labels) is None
    assert measure_shape(labels[:511, :511]) is not None
    labels[100, 100] = RIGHT
    found = measure_shape(labels)
    assert found is not None
    assert found.share == (1 + 50 * 50) / 256**2
