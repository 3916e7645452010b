"""Phantom X-rays: anatomy, and disease inside its true mask."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pulmo.imaging.radiograph import read_radiograph, resized
from pulmo.phantom import distractors
from pulmo.phantom.consolidation import random_consolidations
from pulmo.phantom.exposure import Exposure, random_exposure, random_thorax
from pulmo.phantom.pneumothorax import Pneumothorax, random_pneumothorax
from pulmo.phantom.radiograph import Finding, draw, visible_lungs
from pulmo.phantom.radiograph_dicom import random_patient_header, write_radiograph
from pulmo.phantom.thorax import LEFT, RIGHT, Thorax

PIXELS = 256


def air(thorax: Thorax, side: int = RIGHT, share: float = 0.3) -> Pneumothorax:
    return Pneumothorax(thorax, side, share, middle=0.3, spread=1.0, lucency=0.5)


def grey(thorax: Thorax, *findings: Finding, pixels: int = PIXELS, seed: int = 0) -> np.ndarray:
    """Without grain."""
    return draw(thorax, Exposure(grain=0), pixels, seed, findings).grey.astype(int)


def test_grey_levels_of_a_chest_are_realistic() -> None:
    image, lungs, _ = draw(Thorax(), Exposure(), PIXELS, 0)
    assert image.dtype == np.uint8
    assert image.shape == lungs.shape == (PIXELS, PIXELS)
    assert set(np.unique(lungs)) == {0, 1}
    # As in the real sets, lungs are a fifth to a third of the image.
    assert 0.2 < lungs.mean() < 0.35
    heart, outside = image[130:160, 125:140], image[2:20, 2:20]
    assert outside.mean() < 15
    assert image[lungs > 0].mean() + 60 < heart.mean()
    count, _ = cv2.connectedComponents(lungs)
    assert count - 1 == 2


def test_the_seed_determines_the_image() -> None:
    first, again, other = (draw(Thorax(), Exposure(), PIXELS, seed).grey for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.3


def test_any_size_shows_the_same_patient() -> None:
    large, small = grey(Thorax(), pixels=1024), grey(Thorax(), pixels=512)
    difference = resized(large.astype(np.uint8), 512) - small
    assert np.abs(difference).mean() < 3
    assert abs(difference.mean()) < 1


def test_patients_and_images_differ() -> None:
    lots = [random_thorax(np.random.default_rng(seed)) for seed in range(40)]
    assert {thorax.view for thorax in lots} == {"PA", "AP"}
    assert {thorax.male for thorax in lots} == {True, False}
    areas = []
    for seed, thorax in enumerate(lots):
        exposure = random_exposure(thorax, np.random.default_rng(seed))
        lungs = visible_lungs(exposure.canvas(128), thorax)
        areas.append(lungs.mean())
        count, _ = cv2.connectedComponents(lungs)
        assert count - 1 == 2
    assert min(areas) > 0.1
    assert np.std(areas) > 0.02


def test_inspiration_lowers_the_diaphragm_and_a_larger_heart_covers_lung() -> None:
    canvas = Exposure().canvas(PIXELS)
    area = [visible_lungs(canvas, Thorax(inspiration=inspiration)).sum() for inspiration in (0.1, 0.5, 0.9)]
    assert area[0] < area[1] < area[2]
    assert visible_lungs(canvas, Thorax(heart=1.4)).sum() < visible_lungs(canvas, Thorax()).sum()


@pytest.mark.parametrize("side", [RIGHT, LEFT])
def test_a_pneumothorax_is_dark_and_without_vessels(side: int) -> None:
    thorax = Thorax()
    sick = air(thorax, side)
    mask = sick.mask(Exposure().canvas(PIXELS)) > 0
    healthy, image = grey(thorax), grey(thorax, sick)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert inner.sum() > 200
    darker = (healthy - image)[inner]
    assert 3 < darker.mean() < 40
    columns = np.flatnonzero(mask.any(axis=0))
    assert (columns < 128).all() if side == RIGHT else (columns >= 128).all()
    # Elsewhere nothing changes but the fog.
    far = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert np.abs(healthy - image)[far].max() <= 6


def test_the_pleura_is_a_bright_line() -> None:
    thorax = Thorax()
    sick = air(thorax)
    brighter = grey(thorax, sick, pixels=1024) - grey(thorax, pixels=1024)
    canvas = Exposure().canvas(1024)
    lungs, mask = (cv2.erode(m, np.ones((9, 9), np.uint8)) for m in (visible_lungs(canvas, thorax), sick.mask(canvas)))
    layer = canvas.layer()
    canvas.stroke(layer, [sick.outline[len(sick.outline) // 2 + 5 : -5]], 0.4, 255)
    line = np.median(brighter[(layer > 100) & (lungs > 0)])
    assert line > np.median(brighter[mask > 0]) + 8


def test_pneumothorax_grows_with_its_share_and_spares_the_heart() -> None:
    thorax = Thorax()
    canvas = Exposure().canvas(PIXELS)
    areas = [int(air(thorax, LEFT, share).mask(canvas).sum()) for share in (0.05, 0.15, 0.3, 0.5)]
    assert areas == sorted(areas)
    assert areas[0] > 0
    lungs = visible_lungs(canvas, thorax)
    covered = air(thorax, LEFT, 0.5).mask(canvas)
    assert (covered > lungs).mean() < 0.002  # but for pixels on the very edge


def test_grey_level_alone_does_not_separate_pneumothorax_from_lung() -> None:
    """Pooled over patients, a threshold on grey levels within the lungs must perform poorly."""
    values, truth = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        thorax = random_thorax(rng)
        exposure = random_exposure(thorax, rng)
        sick = random_pneumothorax(thorax, rng)
        image, lungs, canvas = draw(thorax, exposure, 128, seed, (sick,))
        values.append(image[lungs > 0])
        truth.append(sick.mask(canvas)[lungs > 0])
    score = roc_auc_score(np.concatenate(truth), -np.concatenate(values).astype(float))
    assert 0.3 < score < 0.8


def test_consolidations_are_bright_and_their_boxes_disjoint() -> None:
    counts = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        thorax = random_thorax(rng)
        exposure = random_exposure(thorax, rng)._replace(grain=0.0)
        canvas = exposure.canvas(PIXELS)
        clouds, boxes = random_consolidations(thorax, canvas, rng)
        counts.append(len(boxes))
        painted = np.zeros((PIXELS, PIXELS), int)
        for x, y, width, height in boxes:
            assert min(x, y) >= 0
            assert max(x + width, y + height) <= PIXELS
            painted[y : y + height, x : x + width] += 1
        assert painted.max() == 1
        sick = draw(thorax, exposure, PIXELS, seed, clouds).grey.astype(int)
        brighter = sick - draw(thorax, exposure, PIXELS, seed).grey
        lungs = visible_lungs(canvas, thorax) > 0
        inside, outside = brighter[lungs & (painted > 0)], brighter[lungs & (painted == 0)]
        assert inside.mean() > 5
        assert inside.mean() > 4 * outside.mean()
    assert set(counts) >= {1, 2}


def test_a_box_is_tight_around_its_consolidation() -> None:
    thorax, canvas = Thorax(), Exposure().canvas(PIXELS)
    (cloud, *_), ((x, y, width, height), *_) = random_consolidations(thorax, canvas, np.random.default_rng(3))
    dense = cloud.density(canvas, visible_lungs(canvas, thorax)) > 0.35
    assert dense[y : y + height, x : x + width].sum() == dense.sum()
    for edge in (dense[y, :], dense[y + height - 1, :], dense[:, x], dense[:, x + width - 1]):
        assert edge.any()


MAKERS = (
    *(
        distractors.leads,
        distractors.catheter,
        distractors.pacemaker,
        distractors.nodules,
        distractors.atelectasis,
        distractors.effusion,
    ),
    *(distractors.bulla, distractors.skin_fold),
)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_distractors_change_a_small_part(make: object) -> None:
    assert callable(make)
    thorax = Thorax()
    changed = np.abs(grey(thorax, *make(thorax, np.random.default_rng(1))) - grey(thorax)) > 3
    assert 0.0005 < changed.mean() < 0.15


def test_positions_of_drain_and_marker() -> None:
    thorax = Thorax()
    for side in (RIGHT, LEFT):
        changed = grey(thorax, *distractors.drain(thorax, side, np.random.default_rng(0))) - grey(thorax) > 5
        columns = np.nonzero(changed)[1]
        assert ((columns - 127.5) * side > 0).mean() > 0.98
    row, column = np.nonzero(grey(thorax, distractors.Marker("L", 0.1)) - grey(thorax) > 40)
    assert column.min() > 0.85 * PIXELS
    assert row.max() < 0.15 * PIXELS


def test_an_ap_image_has_shoulder_blades_over_the_lungs() -> None:
    canvas = Exposure().canvas(PIXELS)

    def covered(thorax: Thorax) -> int:
        blades = canvas.filled(*(thorax.shoulder_blade(side) for side in (RIGHT, LEFT)))
        return int((blades & visible_lungs(canvas, thorax)).sum())

    assert covered(replace(Thorax(), view="AP")) > 2 * covered(Thorax())


def test_written_as_the_competitions_files_are(tmp_path: Path) -> None:
    thorax = Thorax(male=False, view="AP")
    drawn = draw(thorax, Exposure(), PIXELS, 0).grey
    sitter = random_patient_header(thorax, np.random.default_rng(0))._replace(age="148")
    write_radiograph(tmp_path / "a" / "1.dcm", drawn, sitter)
    write_radiograph(tmp_path / "2.dcm", drawn, sitter)
    assert (tmp_path / "a" / "1.dcm").read_bytes() == (tmp_path / "2.dcm").read_bytes()
    found = read_radiograph(tmp_path / "2.dcm")
    assert np.abs(found.grey.astype(int) - drawn).mean() < 2
    spacing_mm = float(sitter.pixel_spacing_mm)
    assert found.header[:8] == (sitter.patient, 148, "F", "AP", "CR", PIXELS, PIXELS, (spacing_mm, spacing_mm))
