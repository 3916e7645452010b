import numpy as np
import pytest

from pulmo.competitions.rsna.candidate_boxes import NO_THRESHOLD, Candidates
from pulmo.competitions.rsna.ensemble import (
    DETECTOR,
    SEGMENTER,
    Predictions,
    blend_parameters_for,
    combine,
    cross_fit,
    fit_values,
    score_by_threshold,
)
from pulmo.scoring.box_precision import box_precision, mean_precision
from pulmo.scoring.boxes import Boxes

IMAGES = 40
PLAIN = {"mask_threshold": 128.0, "iou": 0.4, "shrink": 1.0, "threshold": 0.0}


def true_boxes() -> Boxes:
    """A box in every other image."""
    image = np.arange(0, IMAGES, 2)
    rng = np.random.default_rng(0)
    xywh = np.concatenate([rng.integers(100, 500, (len(image), 2)), rng.integers(150, 300, (len(image), 2))], axis=1)
    return Boxes(image, xywh.astype(np.float64), np.ones(len(image)))


def suggested(shrunk: float = 1.0, mask_threshold: int = 128, in_lungs: float = 1.0) -> Candidates:
    """A box for every image, right where there is one; a twelfth too large on either side for 1 / 1.2."""
    truth, rng = true_boxes(), np.random.default_rng(1)
    xywh = np.repeat(truth.xywh, 2, axis=0)
    xywh = np.concatenate([xywh[:, :2] - xywh[:, 2:] * (shrunk - 1) / 2, xywh[:, 2:] * shrunk], axis=1)
    positive = np.arange(IMAGES) % 2 == 0
    confidence = np.where(positive, rng.uniform(0.5, 0.9, IMAGES), rng.uniform(0.1, 0.4, IMAGES))
    boxes = Boxes(np.arange(IMAGES), xywh, confidence)
    lungs = np.where(positive, 1.0, in_lungs)
    return Candidates(boxes, np.full(IMAGES, mask_threshold, np.uint8), lungs)


def score(predictions: Predictions, values: dict[str, float]) -> float:
    return mean_precision(box_precision(true_boxes(), combine(predictions, values), predictions.images))


def test_a_threshold_tells_them_apart() -> None:
    predictions = Predictions({SEGMENTER: suggested()}, np.ones(IMAGES), IMAGES)
    assert score(predictions, PLAIN) == 0.5
    fitted = fit_values(predictions, true_boxes(), blend_parameters_for(predictions, classified=False, lungs=False))
    assert "kept" not in fitted
    assert score(predictions, fitted) == 1


def test_other_thresholds_are_told_with_what_they_score() -> None:
    predictions = Predictions({SEGMENTER: suggested()}, np.ones(IMAGES), IMAGES)
    told = score_by_threshold(predictions, true_boxes(), {**PLAIN, "threshold": 0.45}).set_index("threshold")
    assert told.index.is_monotonic_increasing
    kept = told["boxes"].tolist()
    assert kept[told.index.get_loc(0.45)] == IMAGES / 2  # every true box, and no other
    assert (kept[0], kept[-1]) == (IMAGES, 1)
    for threshold, found in zip(told.index.tolist(), told["score"].tolist(), strict=True):
        assert found == pytest.approx(score(predictions, {**PLAIN, "threshold": threshold}))


def test_boxes_too_large_are_shrunk() -> None:
    predictions = Predictions({SEGMENTER: suggested(shrunk=1.25)}, np.ones(IMAGES), IMAGES)
    fitted = fit_values(predictions, true_boxes(), blend_parameters_for(predictions, classified=False, lungs=False))
    assert fitted["shrink"] in (0.8, 0.85)
    assert score(predictions, fitted) == 1


@pytest.mark.parametrize("way", ["classifier_threshold", "lungs"])
def test_classifier_and_lungs_have_their_say(way: str) -> None:
    positive = np.arange(IMAGES) % 2 == 0
    probability = np.where(positive, 0.9, 0.15) if way == "classifier_threshold" else np.ones(IMAGES)
    route = suggested(in_lungs=0.1 if way == "lungs" else 1.0)
    sure = route._replace(boxes=route.boxes._replace(confidence=np.full(IMAGES, 0.5)))
    predictions = Predictions({SEGMENTER: sure}, probability, IMAGES)
    assert score(predictions, {**PLAIN, way: 0.2}) == 1
    fitted = fit_values(
        predictions, true_boxes(), blend_parameters_for(predictions, way == "classifier_threshold", way == "lungs")
    )
    assert score(predictions, fitted) == 1


def test_only_boxes_of_the_cut_count_and_a_detector_has_none() -> None:
    predictions = Predictions({SEGMENTER: suggested(mask_threshold=64)}, np.ones(IMAGES), IMAGES)
    assert len(combine(predictions, PLAIN).image) == 0
    predictions = Predictions({DETECTOR: suggested(mask_threshold=NO_THRESHOLD)}, np.ones(IMAGES), IMAGES)
    assert len(combine(predictions, PLAIN).image) == IMAGES


def test_routes_are_fused_by_weight() -> None:
    routes = {SEGMENTER: suggested(), DETECTOR: suggested(mask_threshold=NO_THRESHOLD)}
    predictions = Predictions(routes, np.ones(IMAGES), IMAGES)
    assert len(combine(predictions, {**PLAIN, "detector": 0.5}).image) == IMAGES
    alone = combine(predictions, {**PLAIN, "detector": 0.0})
    assert alone.confidence == pytest.approx(routes[SEGMENTER].boxes.confidence)


def test_nobody_is_scored_by_values_fitted_on_them() -> None:
    # In the second half true boxes come with less confidence: a threshold from one half fails in the other.
    predictions = Predictions({SEGMENTER: suggested()}, np.ones(IMAGES), IMAGES)
    late = np.arange(IMAGES) >= IMAGES // 2
    route = predictions.routes[SEGMENTER]
    less = route.boxes._replace(confidence=np.where(late, route.boxes.confidence / 10, route.boxes.confidence))
    predictions = predictions._replace(routes={SEGMENTER: route._replace(boxes=less)})
    knobs = blend_parameters_for(predictions, classified=False, lungs=False)
    found = cross_fit(predictions, true_boxes(), late.astype(int), knobs)
    scores = box_precision(true_boxes(), found, IMAGES)
    assert np.nanmean(scores[late]) == 0
    assert fit_values(predictions, true_boxes(), knobs)["threshold"] < 0.5


def test_the_images_of_a_part_are_counted_anew() -> None:
    predictions = Predictions({SEGMENTER: suggested()}, np.arange(IMAGES) / IMAGES, IMAGES)
    part = predictions.of(np.arange(IMAGES) % 4 == 2)
    assert part.images == 10
    assert part.probability[:2] == pytest.approx([2 / IMAGES, 6 / IMAGES])
    assert part.routes[SEGMENTER].boxes.image.tolist() == list(range(10))
    assert part.routes[SEGMENTER].boxes.xywh[0].tolist() == suggested().boxes.xywh[2].tolist()
