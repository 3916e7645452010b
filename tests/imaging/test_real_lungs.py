"""Lung masks of real chests against manual reference masks, for all available references."""

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from pulmo.errors import ScanError
from pulmo.imaging.downsample import downsample
from pulmo.imaging.headers import header_table
from pulmo.imaging.left_right import LEFT, RIGHT
from pulmo.imaging.lung_components import find_chest_air
from pulmo.imaging.lungs import segment_lungs
from pulmo.imaging.orientation import oriented_by_anatomy
from pulmo.imaging.quality import assess_mask, assess_quality
from pulmo.imaging.reading import read_volume
from pulmo.imaging.statistics import scan_statistics
from pulmo.imaging.volume import Volume

DATA = Path(__file__).parents[2] / "../shared/data"
REFERENCES = sorted((DATA / "ct/reference_lungs").glob("*.npz"))
CUT_BY_THE_FIELD = {"chest_one_lung_cut"}
OSIC_PATIENT = "osic-pulmonary-fibrosis-progression/train/ID00419637202311204720264"

real = pytest.mark.skipif(not REFERENCES, reason=f"no reference masks below {DATA}")


class RealChest(NamedTuple):
    name: str
    volume: Volume
    labels: np.ndarray
    uncertainty_litres: float


def read(path: Path) -> RealChest:
    parents = ("ct", "osic-pulmonary-fibrosis-progression/train", "lidc-idri")
    volume = read_volume(next(DATA / name / path.stem for name in parents if (DATA / name / path.stem).is_dir()))
    with np.load(path) as archive:
        distance = np.abs(volume.positions_mm[:, None] - archive["positions_mm"][None])
        assert distance.min(axis=1).max() < 0.1
        labels = archive["labels"][distance.argmin(axis=1)]
    facts = json.loads((path.parent / "litres.json").read_text())
    return RealChest(path.stem, volume, labels, facts[path.stem]["uncertainty_l"])


@pytest.fixture(scope="module", params=REFERENCES, ids=lambda path: path.stem)
def real_chest(request: pytest.FixtureRequest) -> RealChest:
    """Each chest is read once, for all tests of it."""
    return read(request.param)


def named(name: str) -> RealChest:
    path = DATA / f"ct/reference_lungs/{name}.npz"
    if not path.is_file():
        pytest.skip(f"{name} is not among the references")
    return read(path)


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    return 2 * np.count_nonzero(mask & truth) / (np.count_nonzero(mask) + np.count_nonzero(truth))


def litres(volume: Volume, mask: np.ndarray) -> float:
    return float(np.count_nonzero(mask, axis=(1, 2)) @ volume.voxel_litres)


@real
def test_mask_and_litres_by_side(real_chest: RealChest) -> None:
    name, volume, labels, uncertainty = real_chest
    mask = segment_lungs(volume)
    assert dice(mask.labels > 0, labels > 0) > (0.94 if name in CUT_BY_THE_FIELD else 0.98)
    for found, true in ((mask.labels > 0, labels > 0), *((mask.labels == side, labels == side) for side in (1, 2))):
        wanted = litres(volume, true)
        assert litres(volume, found) == pytest.approx(wanted, abs=max(0.03 * wanted, 2 * uncertainty))
    assert mask.quality.verdict == ("doubtful" if name in CUT_BY_THE_FIELD else "good")


@real
def test_a_header_rotated_against_the_anatomy(real_chest: RealChest) -> None:
    """ImageOrientationPatient and positions rotated by 180° about the long axis, pixels unchanged."""
    _, volume, labels, _ = real_chest
    assert oriented_by_anatomy(volume) is volume
    turned = oriented_by_anatomy(replace(volume, directions=volume.directions * [-1, -1, 1]))
    np.testing.assert_array_equal(turned.directions, volume.directions)
    assert "left and right were swapped" in turned.repairs[-1]
    found = segment_lungs(turned).labels
    larger = max((LEFT, RIGHT), key=lambda side: np.count_nonzero(labels == side))
    assert dice(found == larger, labels == larger) > 0.97


@real
def test_positions_with_the_wrong_sign(real_chest: RealChest) -> None:
    """The apex is found at the feet, and the slices are reversed; rotated about x, the spine is in front, too."""
    volume = real_chest.volume
    negated = replace(volume, hu=volume.hu[::-1], positions_mm=-volume.positions_mm[::-1])
    for given, words in (
        (negated, "slices reversed"),
        (replace(negated, directions=volume.directions * [1, -1, 1]), "rotated by 180°"),
    ):
        found = oriented_by_anatomy(given)
        assert words in found.repairs[-1]
        np.testing.assert_array_equal(found.hu, volume.hu)
        np.testing.assert_allclose(found.positions_mm, volume.positions_mm)
        np.testing.assert_array_equal(found.directions, volume.directions)


@real
def test_part_of_a_chest_is_never_turned(real_chest: RealChest) -> None:
    _, volume, labels, _ = real_chest
    heights = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    low, middle, high = int(heights[0]), int(heights.mean()), int(heights[-1])
    for part in (slice(low, middle), slice(middle, high), slice((low + middle) // 2, (middle + high) // 2)):
        cut = thinned(volume, np.arange(len(volume.hu))[part])
        assert oriented_by_anatomy(cut) is cut


@real
def test_gaps_between_slices_are_doubted() -> None:
    """Steps of 8 to 32 mm, where lung and the air behind the back would join the air outside."""
    _, volume, labels, _ = named("chest_siemens_8mm_30")
    for seed in range(3):
        steps = np.random.default_rng(seed).integers(1, 5, size=len(labels))
        kept = np.cumsum(np.append(0, steps))
        kept = kept[kept < len(labels)]
        mask = segment_lungs(thinned(volume, kept))
        assert dice(mask.labels > 0, labels[kept] > 0) > 0.98
        assert mask.quality.verdict == "doubtful"
        reason = next(reason for reason in mask.quality.reasons if reason.startswith("slices up to 32 mm apart"))
        doubt = float(reason.rpartition("±")[2])
        assert 0.03 < doubt < 0.15
        assert mask.quality.litres == pytest.approx(litres(volume, labels > 0), abs=doubt + 0.05)


def thinned(volume: Volume, kept: np.ndarray) -> Volume:
    return replace(volume, hu=volume.hu[kept], positions_mm=volume.positions_mm[kept], shear_mm=volume.shear_mm[kept])


@real
def test_corrupted_masks_are_doubtful(real_chest: RealChest) -> None:
    name, volume, labels, _ = real_chest
    chest = find_chest_air(downsample(volume))
    true = assess_quality(volume, labels, chest)
    if name in CUT_BY_THE_FIELD:
        assert true.verdict == "doubtful"
        assert any("field of view" in reason for reason in true.reasons)
        return
    assert true.verdict == "good", true.reasons
    heights = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    middle = (heights[0] + heights[-1]) // 2
    upper = np.where(np.arange(len(labels))[:, None, None] > middle, labels, 0)
    left_lower = np.where((labels == LEFT) & (np.arange(len(labels))[:, None, None] < middle), 0, labels)
    spoiled = {
        "beside the mask": [upper, np.where(labels == LEFT, 0, labels), np.where(labels == RIGHT, 0, labels)],
        "density of lung": [left_lower],
        "swapped": [np.where(labels > 0, 3 - labels, 0)],
    }
    for words, masks in spoiled.items():
        for mask in masks:
            quality = assess_quality(volume, mask.astype(np.uint8), chest)
            assert quality.verdict == "doubtful"
            assert any(words in reason for reason in quality.reasons)


@real
def test_stomach_gas_in_a_mask_is_detected() -> None:
    _, volume, labels, _ = named("chest_ge_stomach_gas")
    gas = (volume.hu < -900) & (volume.hu > -2048) & (labels == 0)
    box = np.zeros(labels.shape, bool)
    box[:25, 80:260, 150:440] = True  # the stomach, which lies before the spine and below the left lung
    quality = assess_mask(volume, np.where(gas & box, np.uint8(LEFT), labels))
    assert quality.verdict == "doubtful"
    assert any("gas in airways or gut" in reason for reason in quality.reasons)


def test_the_osic_patients_fill_is_padding(shared_data: Path) -> None:
    """28 images of 512 × 512 pasted into 1100 × 888, with a padding tag (−2000) that is not the fill (−3024)."""
    found = scan_statistics(shared_data / OSIC_PATIENT)
    assert found["repairs"] == "constant value of 0 HU around the image treated as padding"
    assert -790 < float(found["hu_mean"]) < -740


def test_a_head_is_refused(shared_data: Path) -> None:
    with pytest.raises(ScanError, match="no lungs in this scan"):
        scan_statistics(shared_data / "ct/head_ge_tilt")


def test_headers_of_the_tilted_head(shared_data: Path) -> None:
    table = header_table(shared_data / "ct/head_ge_tilt")
    assert len(table) == 28
    assert set(table["GantryDetectorTilt"]) == {18.5}
    assert table["AcquisitionNumber"].nunique() == 21
