"""Real series: the numbers were looked at with their masks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pulmo.errors import ScanError
from pulmo.imaging.headers import header_table
from pulmo.imaging.statistics import scan_statistics

OSIC_PATIENT = "osic-pulmonary-fibrosis-progression/train/ID00419637202311204720264"


@pytest.mark.parametrize(
    ("name", "litres", "left", "slices"),
    [
        ("ct/chest_philips_5mm", 5.6, 2.35, 64),
        ("ct/chest_siemens_8mm_30", 2.74, 1.61, 30),
        (OSIC_PATIENT, 4.72, 2.46, 28),
    ],
)
def test_litres(real_scan: Callable[[str], Path], name: str, litres: float, left: float, slices: int) -> None:
    found = scan_statistics(real_scan(name))
    assert found["lung_litres"] == pytest.approx(litres, rel=0.015)
    assert found["lung_litres_left"] == pytest.approx(left, rel=0.015)
    assert found["slices"] == slices
    assert found["quality"] == "good"


def test_the_osic_patients_fill_is_no_tissue(real_scan: Callable[[str], Path]) -> None:
    """28 pictures of 512 × 512 pasted into 1100 × 888, with a padding tag (−2000) that is not the fill (−3024)."""
    found = scan_statistics(real_scan(OSIC_PATIENT))
    assert found["repairs"] == "constant filling of 0 HU around the picture taken for padding"
    assert -790 < float(found["hu_mean"]) < -740


def test_a_head_says_so(real_scan: Callable[[str], Path]) -> None:
    with pytest.raises(ScanError, match="no lungs in this scan"):
        scan_statistics(real_scan("ct/head_ge_tilt"))


def test_headers_of_the_tilted_head(real_scan: Callable[[str], Path]) -> None:
    table = header_table(real_scan("ct/head_ge_tilt"))
    assert len(table) == 28
    assert set(table["GantryDetectorTilt"]) == {18.5}
    assert table["AcquisitionNumber"].nunique() == 21
