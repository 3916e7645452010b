import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulmo.blending.boxes import Finish, Fused, finish_boxes, fuse_boxes
from pulmo.scoring.boxes import Boxes, corners


def boxes(*rows: tuple[float, ...]) -> Boxes:
    """Rows of image, confidence, x, y, width, height."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Boxes(table[:, 0].astype(np.int64), table[:, 2:], table[:, 1])


def test_two_that_overlap_become_their_mean_weighted_by_confidence() -> None:
    fused = fuse_boxes([boxes((0, 0.9, 0, 0, 100, 100)), boxes((0, 0.3, 40, 0, 100, 100))], [1, 1], 1, 0.4)
    assert fused.boxes.xywh.tolist() == [[10, 0, 100, 100]]
    assert fused.boxes.confidence == pytest.approx([0.6])
    assert fused.members.tolist() == [2]


def test_a_box_alone_keeps_its_place_and_half_its_confidence() -> None:
    fused = fuse_boxes([boxes((1, 0.8, 5, 6, 7, 8)), boxes()], [1, 1], 3, 0.5)
    assert fused.boxes.image.tolist() == [1]
    assert fused.boxes.xywh == pytest.approx(np.array([[5, 6, 7, 8]]))
    assert fused.boxes.confidence == pytest.approx([0.4])


def test_weights_count_in_place_and_confidence() -> None:
    sources = [boxes((0, 0.5, 0, 0, 100, 100)), boxes((0, 0.5, 40, 0, 100, 100))]
    fused = fuse_boxes(sources, [3, 1], 1, 0.4)
    assert fused.boxes.xywh.tolist() == [[10, 0, 100, 100]]
    assert fused.boxes.confidence == pytest.approx([0.5])
    alone = fuse_boxes(sources, [0, 2], 1, 0.4)
    assert alone.boxes.xywh.tolist() == [[40, 0, 100, 100]]
    assert alone.boxes.confidence == pytest.approx([0.5])


def test_touching_the_iou_is_not_enough() -> None:
    sources = [boxes((0, 0.9, 0, 0, 100, 100)), boxes((0, 0.5, 0, 0, 100, 50))]
    assert len(fuse_boxes(sources, [1, 1], 1, 0.5).members) == 2
    assert len(fuse_boxes(sources, [1, 1], 1, 0.49).members) == 1


def test_a_source_that_repeats_itself_is_not_more_than_sure() -> None:
    fused = fuse_boxes([boxes(*[(0, 0.9, 0, 0, 10, 10)] * 3)], [1], 1, 0.5)
    assert fused.boxes.confidence == pytest.approx([0.9])
    assert fused.members.tolist() == [3]


def test_nothing_gives_nothing() -> None:
    assert fuse_boxes([boxes(), boxes()], [1, 1], 4, 0.5).boxes.xywh.shape == (0, 4)


def test_finishing() -> None:
    fused = Fused(
        boxes((0, 0.9, 100, 100, 100, 200), (0, 0.3, 0, 0, 50, 50), (1, 0.3, 0, 0, 50, 50), (2, 0.1, 0, 0, 9, 9)),
        np.array([2, 1, 2, 2]),
    )
    found = finish_boxes(fused, Finish(threshold=0.2, unmatched=0.5, shrink=0.8))
    assert found.image.tolist() == [0, 1]
    assert found.xywh == pytest.approx(np.array([[110, 120, 80, 160], [5, 5, 40, 40]]))
    grown = finish_boxes(fused, Finish(shrink=1.2))
    assert corners(grown.xywh).min() == 0


row = st.tuples(st.integers(0, 3), st.floats(0.01, 1), *[st.integers(0, 400)] * 2, *[st.integers(50, 500)] * 2)


@settings(max_examples=100)
@given(st.lists(row, max_size=30), st.lists(row, max_size=30), st.floats(0.2, 0.8))
def test_images_do_not_know_of_each_other(first: list, second: list, iou: float) -> None:
    together = fuse_boxes([boxes(*first), boxes(*second)], [1, 2], 4, iou)
    for image in range(4):
        alone = fuse_boxes(
            [boxes(*[one for one in rows if one[0] == image]) for rows in (first, second)], [1, 2], 4, iou
        )
        mine = together.boxes.take(together.boxes.image == image)
        assert alone.boxes.xywh.tolist() == mine.xywh.tolist()
        assert alone.boxes.confidence.tolist() == mine.confidence.tolist()
    assert together.members.sum() == len(first) + len(second)
    assert (together.boxes.confidence <= 1 + 1e-12).all()


@settings(max_examples=50)
@given(st.lists(st.lists(row, min_size=1, max_size=8), min_size=1, max_size=3), st.floats(0.3, 0.7))
def test_it_agrees_with_ensemble_boxes(sources: list, iou: float) -> None:
    ensemble_boxes = pytest.importorskip("ensemble_boxes", reason="ensemble-boxes is not installed")
    sources = [[(0, *one[1:]) for one in rows] for rows in sources]
    ours = fuse_boxes([boxes(*rows) for rows in sources], [1] * len(sources), 1, iou).boxes
    theirs, confidence, _ = ensemble_boxes.weighted_boxes_fusion(
        [(corners(boxes(*rows).xywh) / 1024).tolist() for rows in sources],
        [[one[1] for one in rows] for rows in sources],
        [[0] * len(rows) for rows in sources],
        iou_thr=iou,
    )
    order = np.argsort(-ours.confidence, kind="stable")
    assert np.sort(ours.confidence) == pytest.approx(np.sort(confidence), abs=1e-5)
    assert corners(ours.xywh[order]).sum() == pytest.approx(1024 * theirs.sum(), abs=0.1)


def test_boxes_at_the_least_confidence_and_of_a_pixel_stay() -> None:
    fused = Fused(
        boxes((0, 0.5, 0, 0, 1, 1), (1, 0.5, 0, 0, 0.99, 5), (2, 0.49, 0, 0, 5, 5), (3, 0.5, 9, 9, 5, 0.99)),
        np.array([2, 2, 2, 2]),
    )
    assert finish_boxes(fused, Finish(threshold=0.5)).image.tolist() == [0]
    alone = fused._replace(members=np.ones(4, int))
    assert finish_boxes(alone, Finish(threshold=0.2, unmatched=0.5)).image.tolist() == [0]
    assert finish_boxes(alone, Finish(threshold=0.5, unmatched=0.2)).image.tolist() == [0]
    assert finish_boxes(alone, Finish(unmatched=0.51)).image.tolist() == []


def test_boxes_are_clipped_at_the_image_s_edges() -> None:
    fused = Fused(boxes((0, 0.9, 0, 900, 100, 124), (0, 0.9, 924, 0, 100, 100)), np.array([2, 2]))
    found = finish_boxes(fused, Finish(shrink=1.5))
    assert found.xywh.tolist() == [[0, 869, 125, 155], [899, 0, 125, 125]]
    assert finish_boxes(fused, Finish()).xywh.tolist() == fused.boxes.xywh.tolist()


def test_a_box_without_confidence_has_a_place() -> None:
    fused = fuse_boxes([boxes((0, 0.0, 10, 10, 20, 20), (0, 0.0, 14, 10, 20, 20))], [1], 1, 0.5)
    assert fused.boxes.xywh == pytest.approx(np.array([[12, 10, 20, 20]]))
    assert fused.boxes.confidence.tolist() == [0]


def test_a_box_joins_the_one_it_overlaps_most_and_moves_it() -> None:
    # The third overlaps the first by 80/120 and the second, 30 to the right, by 90/110.
    sources = [boxes((0, 0.9, 0, 0, 100, 10)), boxes((0, 0.8, 30, 0, 100, 10), (0, 0.4, 20, 0, 100, 10))]
    fused = fuse_boxes(sources, [1, 1], 1, 0.6)
    assert fused.members.tolist() == [1, 2]
    assert fused.boxes.xywh == pytest.approx(np.array([[0, 0, 100, 10], [80 / 3, 0, 100, 10]]))
    assert fused.boxes.confidence == pytest.approx([0.45, 0.6])
