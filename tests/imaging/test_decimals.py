"""DICOM decimal strings, and implausible values."""

import pytest

from pulmo.imaging.decimals import QUANTITIES, decimals, measured


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"1", (1.0,)),
        (b" -1.50 ", (-1.5,)),
        (b"+.625\\.625\0", (0.625, 0.625)),
        (b"5.", (5.0,)),
        (b"1e-3\\2E+2", (0.001, 200.0)),
        (b"1\\ 2 \\3", (1.0, 2.0, 3.0)),
        *((raw, ()) for raw in (b"", b" ", b"0,5", b"1.0 HU", b"abc", b"nan", b"inf", b"-Infinity", b"1_0", b"0x1")),
        *((raw, ()) for raw in (b"1\\", b"\\1", b"1\\\\2", b"1e999", b"\xef\xbc\x91", b"--1", b".", b"1 2", b"1e")),
    ],
)
def test_decimal_strings(raw: bytes, values: tuple[float, ...]) -> None:
    assert decimals(raw) == values


@pytest.mark.parametrize(
    ("keyword", "raw", "wrong"),
    [
        ("RescaleSlope", b"0,5", "RescaleSlope is '0,5': not a decimal number"),
        ("RescaleSlope", b"1\\2", "RescaleSlope is '1\\2': 2 values where 1 is needed"),
        ("RescaleSlope", b"1E+30", "RescaleSlope is '1E+30': larger than 1e+06: not plausible"),
        ("RescaleIntercept", b"1.0 HU", "RescaleIntercept is '1.0 HU': not a decimal number"),
        (
            "RescaleIntercept",
            b"3.4028235E+38",
            "RescaleIntercept is '3.4028235E+38': larger than 1e+06: not plausible",
        ),
        ("PixelSpacing", b"0.7", "PixelSpacing is '0.7': 1 value where 2 are needed"),
        ("PixelSpacing", b"0\\0", "PixelSpacing is '0\\0': not above 0"),
        ("PixelSpacing", b"0.7\\-0.7", "PixelSpacing is '0.7\\-0.7': not above 0"),
        ("PixelSpacing", b"101\\101", "PixelSpacing is '101\\101': larger than 100 mm: not plausible"),
        ("PixelSpacing", b"1e-9\\1e-9", "PixelSpacing is '1e-9\\1e-9': smaller than 0.001 mm: not plausible"),
        ("ImagePositionPatient", b"1\\2", "ImagePositionPatient is '1\\2': 2 values where 3 are needed"),
        ("ImagePositionPatient", b"1\\2\\nan", "ImagePositionPatient is '1\\2\\nan': not decimal numbers"),
        ("ImagePositionPatient", b"1\\2\\1e30", "ImagePositionPatient is '1\\2\\1e30': larger than 100000 mm"),
        ("ImageOrientationPatient", b"1\\0\\0\\0\\5\\0", "larger than 1.01: not plausible"),
        ("SliceLocation", b"\xff", "SliceLocation is '\\xff': not a decimal number"),
        ("SliceThickness", b"-1", "SliceThickness is '-1': not above 0"),
        ("SpacingBetweenSlices", b"1,25", "SpacingBetweenSlices is '1,25': not a decimal number"),
        ("InstanceNumber", b"1.5", "InstanceNumber is '1.5': not a whole number"),
        ("NumberOfFrames", b"one", "NumberOfFrames is 'one': not a decimal number"),
    ],
)
def test_implausible_values_are_reported_with_tag_and_value(keyword: str, raw: bytes, wrong: str) -> None:
    found = measured(keyword, raw)
    assert found.values == ()
    assert wrong in found.wrong


@pytest.mark.parametrize("keyword", QUANTITIES)
def test_missing_and_empty_are_not_wrong(keyword: str) -> None:
    for raw in (b"", b"  ", b"\0"):
        assert measured(keyword, raw) == ((), "")


def test_range_limits_are_plausible() -> None:
    assert measured("PixelSpacing", b"100\\0.001") == ((100.0, 0.001), "")
    assert measured("SliceThickness", b"0") == ((0.0,), "")


LIMITS = {"RescaleSlope": 10**6, "PixelSpacing": 100, "ImagePositionPatient": 10**5, "ImageOrientationPatient": 1.01}
LIMITS |= {"RescaleIntercept": 10**6, "SliceLocation": 10**5, "SpacingBetweenSlices": 1000}
LIMITS |= {"SliceThickness": 1000, "InstanceNumber": 2**31, "NumberOfFrames": 2**31}


@pytest.mark.parametrize(("keyword", "limit"), LIMITS.items())
def test_a_value_at_its_limit_is_plausible_and_one_beyond_it_is_not(keyword: str, limit: float) -> None:
    count = QUANTITIES[keyword].values
    assert measured(keyword, b"\\".join([str(limit).encode()] * count)) == ((limit,) * count, "")
    beyond = str(limit + (1 if isinstance(limit, int) else 0.01)).encode()
    assert "not plausible" in measured(keyword, b"\\".join([beyond] * count)).wrong


def test_a_long_value_is_shown_in_part() -> None:
    assert measured("RescaleSlope", b"x" * 64).wrong == f"RescaleSlope is '{'x' * 64}': not a decimal number"
    assert measured("RescaleSlope", b"x" * 65).wrong == f"RescaleSlope is '{'x' * 64}…': not a decimal number"


@pytest.mark.parametrize(
    ("keyword", "raw", "wrong"),
    [
        ("NumberOfFrames", b"-1", "not above 0"),
        ("NumberOfFrames", b"0", ""),  # as good as missing
        ("PixelSpacing", b"0.001\\0.0009", "smaller than 0.001 mm: not plausible"),
        ("PixelSpacing", b"1\\1\\1", "3 values where 2 are needed"),
        ("InstanceNumber", b"-7", ""),
        ("ImageOrientationPatient", b"1\\0\\0\\0\\1", "5 values where 6 are needed"),
        ("SliceThickness", b"1e999", "not a decimal number"),
    ],
)
def test_signs_and_counts(keyword: str, raw: bytes, wrong: str) -> None:
    found = measured(keyword, raw)
    assert found.wrong.partition(": ")[2] == wrong
    assert bool(found.values) == (not wrong)
