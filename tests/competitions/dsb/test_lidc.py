"""Annotations written here by hand, whose nodules can be counted by eye."""

from pathlib import Path

import pytest

from pulmo.competitions.dsb.lidc import Mark, count_nodules, is_class_b, read_marks, series_of
from pulmo.errors import ScanError

HEAD = '<?xml version="1.0"?><LidcReadMessage xmlns="http://www.nih.gov" uid="1">'
SERIES = "<ResponseHeader><SeriesInstanceUid>1.2.3 </SeriesInstanceUid></ResponseHeader>"


def outline(z: float, *points: tuple[int, int], inclusion: str = "TRUE") -> str:
    edges = "".join(f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in points)
    return f"<roi><imageZposition>{z}</imageZposition><inclusion>{inclusion}</inclusion>{edges}</roi>"


def square(z: float, x: int, y: int, half: int) -> str:
    return outline(z, (x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half))


def write(path: Path, *sessions: str) -> Path:
    readings = "".join(f"<readingSession>{nodules}</readingSession>" for nodules in sessions)
    path.write_text(f"{HEAD}{SERIES}{readings}</LidcReadMessage>")
    return path


def nodule(*outlines: str) -> str:
    return f"<unblindedReadNodule><noduleID>N</noduleID>{''.join(outlines)}</unblindedReadNodule>"


def test_marks_in_millimetres(tmp_path: Path) -> None:
    hole = outline(2.5, (0, 0), (500, 500), inclusion="FALSE")
    path = write(tmp_path / "a.xml", nodule(square(0, 100, 50, 2), square(2.5, 100, 50, 4), hole), "")
    assert series_of(path) == "1.2.3"
    # Pixels of 0.5 mm down and 0.8 mm across: 8 pixels are 6.4 mm wide, 4 mm high; two slices 2.5 mm apart.
    (mark,) = read_marks(path, (0.5, 0.8))
    assert (mark.session, *mark.centre_mm, mark.radius_mm) == pytest.approx((0, 80, 25, 1.25, 3.2))


def test_small_nodules_and_what_is_none_do_not_count(tmp_path: Path) -> None:
    other = "<nonNodule><nonNoduleID>3</nonNoduleID><imageZposition>1</imageZposition></nonNodule>"
    path = write(tmp_path / "a.xml", nodule(outline(1, (30, 30))) + other)
    assert read_marks(path, (1, 1)) == []


def test_four_readers_of_two_nodules_with_those_of_fewer(tmp_path: Path) -> None:
    first, shifted = nodule(square(0, 50, 50, 5)), nodule(square(2.5, 53, 50, 4))
    second = nodule(square(0, 90, 50, 3))
    path = write(tmp_path / "a.xml", first, shifted + second, first, "")
    marks = read_marks(path, (1, 1))
    assert [count_nodules(marks, readers) for readers in (1, 2, 3, 4)] == [2, 1, 1, 0]


def ball(session: int, x: float, radius: float) -> Mark:
    return Mark(session, (x, 0.0, 0.0), radius)


@pytest.mark.parametrize(
    ("marks", "nodules"),
    [
        ([], 0),
        ([ball(0, 0, 5), ball(1, 4.9, 1)], 1),  # closer than the larger radius
        ([ball(0, 0, 5), ball(1, 5.0, 1)], 2),  # not closer
        ([ball(0, 0, 2), ball(1, 1.9, 2), ball(2, 3.8, 2)], 1),  # by way of the one between
        ([ball(0, 0, 2), ball(0, 1.9, 2)], 1),
    ],
)
def test_marks_of_one_nodule(marks: list[Mark], nodules: int) -> None:
    assert count_nodules(marks) == nodules
    assert count_nodules(marks[::-1]) == nodules


def test_a_reader_who_marked_a_nodule_twice_is_one_reader() -> None:
    assert count_nodules([ball(0, 0, 2), ball(0, 1.9, 2)], min_readers=2) == 0


def test_the_slides_overlap_at_one_nodule_is_class_a() -> None:
    assert [is_class_b(count) for count in (0, 1, 2, 25)] == [False, False, True, True]


def test_a_broken_annotation_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(HEAD)
    assert series_of(tmp_path / "a.xml") == ""
    with pytest.raises(ScanError, match=r"a\.xml: is no annotation of LIDC-IDRI"):
        read_marks(tmp_path / "a.xml", (1, 1))
    bad = nodule("<roi><imageZposition>here</imageZposition></roi>")
    with pytest.raises(ScanError, match="is no annotation"):
        read_marks(write(tmp_path / "b.xml", bad), (1, 1))


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe\x00", b'<?xml version="1.0" encoding="unheard-of"?><a/>', b"<LidcReadMessage>\xff</a>"]
)
def test_what_is_no_xml_is_no_annotation(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.xml").write_bytes(text)
    assert series_of(tmp_path / "a.xml") == ""
    assert series_of(tmp_path / "nowhere.xml") == ""
    with pytest.raises(ScanError, match="is no annotation of LIDC-IDRI"):
        read_marks(tmp_path / "a.xml", (1, 1))


@pytest.mark.parametrize("place", ["1e300", "1,5", "nan", "inf"])
def test_an_outline_out_of_this_world_is_named(tmp_path: Path, place: str) -> None:
    path = write(tmp_path / "a.xml", nodule(square(0, 50, 50, 5).replace("<xCoord>45", f"<xCoord>{place}")))
    with pytest.raises(ScanError, match=r"a\.xml: is no annotation of LIDC-IDRI"):
        read_marks(path, (1, 1))


def test_the_annotation_of_an_x_ray_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<IdriReadMessage><SeriesInstanceUid>1</SeriesInstanceUid></IdriReadMessage>")
    assert series_of(tmp_path / "a.xml") == ""
