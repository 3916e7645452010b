"""Operations on runs agree with those on decoded masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulmo.errors import UserError
from pulmo.scoring.rle import (
    RunLengthMasks,
    area,
    decode,
    encode,
    find_faults,
    intersection,
    mask_to_rle,
    parse,
    parse_checked,
    rle_to_mask,
    to_text,
    union,
    vote,
)


@st.composite
def paintings(draw: st.DrawFn, images: int | None = None) -> np.ndarray:
    """Masks (images, rows, columns) of any shape, often with runs through the corners."""
    count = draw(st.integers(0, 4)) if images is None else images
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    masks = (rng.random((count, rows, columns)) < draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))).astype(np.uint8)
    masks[:, 0, 0] |= np.uint8(draw(st.booleans()))
    masks[:, -1, -1] |= np.uint8(draw(st.booleans()))
    return masks


def same(first: RunLengthMasks, second: RunLengthMasks) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_pixels_are_numbered_down_the_columns_from_0() -> None:
    image = np.array([[[0, 0, 1], [1, 0, 1]]])  # pixels 1, 4 and 5 of 2 rows and 3 columns
    masks = encode(image)
    assert to_text(masks) == ["1 1 2 2"]
    assert decode(parse(["1 1 2 2"]), (2, 3)).tolist() == image.tolist()


def test_one_mask_both_ways() -> None:
    mask = np.array([[0, 0, 1], [1, 0, 1]])  # pixels 1, 4 and 5
    assert mask_to_rle(mask) == "1 1 2 2"
    assert mask_to_rle(mask > 5) == "-1"
    assert rle_to_mask("1 1 2 2", (2, 3)).tolist() == mask.tolist()
    assert not rle_to_mask("-1").any()
    assert rle_to_mask("-1").shape == (1024, 1024)
    assert same(encode(mask), encode(mask[None]))
    assert same(parse("1 1 2 2"), parse(["1 1 2 2"]))


def test_one_mask_s_faults() -> None:
    with pytest.raises(UserError, match=r"^encoded mask: ends at pixel 7, an image has 6 pixels\. Count each offset"):
        rle_to_mask("1 1 2 3", (2, 3))
    with pytest.raises(UserError, match="has 3 numbers, an odd count"):
        rle_to_mask("1 1 2", (2, 3))
    with pytest.raises(ValueError, match=r"this array has the shape \(1, 2, 3\)"):
        mask_to_rle(np.zeros((1, 2, 3)))


def test_probabilities_are_no_mask() -> None:
    probability = np.array([[0.0, 0.7], [1.0, 0.2]])
    with pytest.raises(ValueError, match=r"holds 0\.7: choose a threshold, such as mask_to_rle\(probability > 0\.5\)"):
        mask_to_rle(probability)
    assert mask_to_rle(probability > 0.5) == mask_to_rle(np.array([[0.0, 255.0], [1.0, 0.0]])) == "1 2"
    with pytest.raises(ValueError, match="holds nan"):
        mask_to_rle(np.array([[np.nan]]))


def test_masks_are_shown_by_their_number() -> None:
    assert repr(parse(["3 2 5 1", "-1"])) == "RunLengthMasks(2 masks of 2 runs)"


def test_offsets_count_from_the_end_of_the_previous_run() -> None:
    masks = parse(["3 2 5 1", "-1", "0 4"])
    assert masks.offsets.tolist() == [0, 2, 2, 3]
    assert masks.starts.tolist() == [3, 10, 0]
    assert masks.ends.tolist() == [5, 11, 4]
    assert area(masks).tolist() == [3, 0, 4]


def test_a_run_over_the_last_pixel_does_not_reach_the_next_image() -> None:
    masks = encode(np.ones((3, 2, 2), bool))
    assert to_text(masks) == ["0 4", "0 4", "0 4"]


@given(paintings())
def test_encoding_and_decoding_are_inverse(masks: np.ndarray) -> None:
    runs = encode(masks)
    assert np.array_equal(decode(runs, (masks.shape[1], masks.shape[2])), masks)
    assert same(parse(to_text(runs)), runs)
    assert same(encode(decode(runs, (masks.shape[1], masks.shape[2]))), runs)
    assert parse_checked(to_text(runs), masks.shape[1] * masks.shape[2])[1] == []


@given(paintings(), st.sampled_from([bool, np.int64, np.float32, np.uint8]))
def test_any_nonzero_value_is_mask(masks: np.ndarray, kind: type) -> None:
    assert same(encode((7 * masks).astype(kind)), encode(masks))


@given(paintings())
def test_area_counts_pixels(masks: np.ndarray) -> None:
    assert area(encode(masks)).tolist() == masks.sum(axis=(1, 2)).tolist()


@given(paintings(images=4), st.integers(0, 2**32))
def test_intersection(masks: np.ndarray, seed: int) -> None:
    other = np.random.default_rng(seed).permutation(masks.ravel()).reshape(masks.shape)
    assert same(intersection(encode(masks), encode(other)), encode(masks & other))


@given(paintings(images=5), st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_union_of_groups(masks: np.ndarray, groups: list[int]) -> None:
    expected = [masks[np.array(groups) == group].any(axis=0) for group in range(4)]
    assert same(union(encode(masks), np.array(groups), 4), encode(np.array(expected)))


@given(paintings(images=6), st.sampled_from([(1, 1, 1), (3, 1, 0), (0.2, 0.5, 0.3)]), st.sampled_from([0.05, 0.5, 1.0]))
def test_weighted_votes(masks: np.ndarray, weights: tuple[float, ...], threshold: float) -> None:
    voters = masks.reshape(3, 2, *masks.shape[1:])
    share = np.tensordot(np.array(weights) / sum(weights), voters, axes=1)
    runs = [encode(voter) for voter in voters]
    assert same(vote(runs, weights, threshold), encode(share >= threshold - 1e-9))


@given(paintings(images=4), st.lists(st.integers(0, 3)))
def test_masks_are_taken_in_any_order(masks: np.ndarray, which: list[int]) -> None:
    assert same(encode(masks).take(which), encode(masks[np.array(which, int)]))


def test_touching_runs_become_one_in_a_union() -> None:
    assert to_text(union(parse(["0 2", "2 3", "7 1"]), np.zeros(3, int), 1)) == ["0 5 2 1"]


def test_union_of_runs_too_long_to_be_packed() -> None:
    cells = [f"5 {2**39}", f"{2**38} {2**39}", "3 1"]
    assert to_text(union(parse(cells), np.array([0, 0, 1]), 2)) == [f"5 {2**38 + 2**39 - 5}", "3 1"]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("5", "has 1 numbers, an odd count"),
        ("1 2 3", "has 3 numbers, an odd count"),
        ("-3 2", "the offset -3 is negative"),
        ("3 -2", "the length -2 is negative"),
        ("3 2 -1 4", "run 2 overlaps the previous one (offset -1)"),
        ("90 5 4 2", "ends at pixel 101, an image has 100 pixels"),
        ("90 5  4 2 ", "ends at pixel 101, an image has 100 pixels"),
        ("1 99999999999999999999999", "an image has 100 pixels"),
        ("a 1", "'a' is not a whole number"),
        ("1.0 2", "'1.0' is not a whole number"),
        ("1 2²", "'2²' contains '²' (superscript two)"),
        ("1 ２", "'２' contains '２' (fullwidth digit two)"),
        ("1 2\u00a0", "contains a no-break space"),
        ("1 2_0", "'2_0' is not a whole number"),
        ("1 +2", "'+2' is not a whole number"),
        ("--1 2", "'--1' is not a whole number"),
        ("1,2", "'1,2' is not a whole number"),
        ("1 2 3 0", "run 2 has length 0"),
        ("0 0", "run 1 has length 0"),
        ("1 " + "9" * 5000, "an image has 100 pixels"),
        ("nan", "'nan' is not a whole number"),
        ("-1 3 4", "has numbers after the -1"),
        ("-1 -1", "has numbers after the -1"),
        ("1 2 -1", "overlaps"),
        ("1\t2", "'1\\t2' contains a tab"),
        ("1 2\n3 4", "'2\\n3' contains a line break"),
        ("", "is empty"),
        ("  ", "is empty"),
    ],
)
def test_each_kind_of_invalid_encoding_is_named_with_its_row(cell: str, words: str) -> None:
    _, faults = parse_checked(["0 100", cell, "-1", cell], 100)
    assert [fault.row for fault in faults] == [1, 3]
    assert words in faults[0].what


def test_an_invalid_encoding_is_not_parsed() -> None:
    with pytest.raises(ValueError, match="encoding 1"):
        parse(["0 100", "1", "-1"])


def test_spaces_around_an_encoding_do_not_matter() -> None:
    assert to_text(parse([" -1", " 3 4 "])) == ["-1", "3 4"]


def test_a_run_beyond_the_image_is_not_decoded() -> None:
    with pytest.raises(ValueError, match="pixel 7, an image of 2 × 3 has 6"):
        decode(parse(["5 2"]), (2, 3))


def test_no_masks_at_all() -> None:
    none = parse([])
    assert to_text(none) == []
    assert area(none).tolist() == []
    assert decode(none, (2, 2)).shape == (0, 2, 2)
    assert same(encode(np.empty((0, 3, 3))), none)


def test_masks_of_more_pixels_than_are_encoded_at_once() -> None:
    # Four masks of 2^19 pixels, two at a time: those that touch at the borders stay apart.
    masks = np.zeros((4, 1024, 512), np.uint8)
    masks[:, -2:, -1] = 1
    masks[2, 0, 0] = 1
    end = 1024 * 512
    assert to_text(encode(masks)) == [f"{end - 2} 2", f"{end - 2} 2", f"0 1 {end - 3} 2", f"{end - 2} 2"]
    # And one of 2^21, which is more than is encoded at once.
    assert to_text(encode(np.ones((2, 2048, 1024), bool))) == [f"0 {2**21}"] * 2


@pytest.mark.parametrize(
    ("cell", "end"),
    [
        ("1 999999999999", 10**12),  # twelve digits are read as they are
        ("1 1000000000000", 1 + 2**40),  # thirteen count as 2^40, whatever they are
        ("1 9999999999999 2 3", 1 + 2**40 + 5),
    ],
)
def test_the_end_of_numbers_too_large_for_any_image(cell: str, end: int) -> None:
    _, (fault,) = parse_checked([cell], 100)
    assert fault.what == f"ends at pixel {end}, an image has 100 pixels"


def test_a_run_may_touch_the_last_pixel_and_not_pass_it() -> None:
    assert parse_checked(["90 10", "0 100", "99 1"], 100)[1] == []
    assert [fault.row for fault in parse_checked(["90 11", "100 1", "99 1 0 1"], 100)[1]] == [0, 1, 2]


def test_a_vote_needs_its_threshold_but_for_rounding() -> None:
    # Of ten voters each has 0.1, and three times 0.1 is not 0.3 in binary; two adjacent runs are one.
    voters = [parse(["0 3"]), parse(["3 2"]), parse(["1 3"]), *[parse(["-1"])] * 7]
    assert to_text(vote(voters, [1] * 10, 0.1)) == ["0 5"]
    assert to_text(vote(voters, [1] * 10, 0.2)) == ["1 3"]
    thrice = [parse(["0 1"])] * 3 + [parse(["-1"])] * 7
    assert to_text(vote(thrice, [1] * 10, 0.3)) == ["0 1"]
    assert to_text(vote(thrice, [1] * 10, 0.30001)) == ["-1"]


def test_faults_alone_are_those_of_parsing() -> None:
    assert find_faults(["0 100", "-1"], 100) == []
    assert find_faults(["0 100", "7"], 100) == parse_checked(["0 100", "7"], 100)[1]
    assert [fault.row for fault in find_faults(["0 100", "7"], 100)] == [1]
