"""Run-length masks in batches of 10,000 against pycocotools; and SIIM's score from runs against decoded masks.

    pip install pycocotools
    .venv/bin/python benchmarks/rle.py
    .venv/bin/python benchmarks/rle.py --solution …/stage_2_train.csv --submission …/submission.csv

Times are CPU times, the best of `--repeats`. The masks are discs with irregular borders, in pairs close to each other,
at `--side` pixels square; they have about 49 runs each, as the competition's masks resampled to 256². Decoded masks are
column-major in memory, as pycocotools requires. Each library is given its own run format; only pulmo parses and writes
SIIM's encoding.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pulmo.commands.console import show_table
from pulmo.competitions.siim.submission import ENCODED_PIXELS, IMAGE, read_solution, score
from pulmo.scoring.dice import PIXELS, dice
from pulmo.scoring.ids import shared_rows
from pulmo.scoring.rle import area, decode, encode, parse, to_text, union
from pulmo.scoring.tables import read_table

SIDE_OF_KAGGLE = 1024
MAX_FOR_AREA = 255
"""Largest batch of pycocotools 2.0.11's `area` under NumPy 2; more raise OverflowError."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--solution", type=Path)
    parser.add_argument("--submission", type=Path)
    arguments = parser.parse_args()
    if arguments.solution and arguments.submission:
        show_table(scoring(arguments.solution, arguments.submission, arguments.repeats))
    else:
        show_table(batches(paint(arguments.masks, arguments.side), arguments.repeats))


def paint(count: int, side: int) -> np.ndarray:
    """Masks (count, side, side) uint8, column-major; masks 2i and 2i + 1 are close to each other."""
    rng = np.random.default_rng(0)
    painted = np.empty((count, side, side), np.uint8)
    x = np.arange(side, dtype=np.float32)
    for pair in range(count // 2):
        centre = rng.uniform(0.2, 0.8, 2) * side
        for place in (2 * pair, 2 * pair + 1):
            radius = rng.uniform(0.03, 0.16) * side
            across = np.sqrt(np.maximum(radius**2 - (x - centre[0]) ** 2, 0)) * rng.uniform(0.8, 1.2, side)
            painted[place] = np.abs(x[None, :] - centre[1]) < across[:, None]
            centre = centre + rng.normal(0, 0.1 * radius, 2)
    return painted.transpose(0, 2, 1)


def batches(painted: np.ndarray, repeats: int) -> list[dict[str, str]]:
    """One row per operation: pulmo's time, pycocotools' time, and the speed-up."""
    from pycocotools import mask as coco  # type: ignore[import-untyped]

    shape = (painted.shape[1], painted.shape[2])
    columns = np.asfortranarray(painted.transpose(1, 2, 0))
    ours, theirs = encode(painted), coco.encode(columns)
    first, second = ours.take(np.arange(0, len(painted), 2)), ours.take(np.arange(1, len(painted), 2))
    pairs = list(zip(theirs[::2], theirs[1::2], strict=True))
    parts = [theirs[first : first + MAX_FOR_AREA] for first in range(0, len(theirs), MAX_FOR_AREA)]
    groups = np.arange(len(painted)) // 2
    encoded = to_text(ours)
    tasks: dict[str, tuple[Callable[[], Any], Callable[[], Any] | None]] = {
        "encode": (lambda: encode(painted), lambda: coco.encode(columns)),
        "decode": (lambda: decode(ours, shape), lambda: coco.decode(theirs)),
        "area": (lambda: area(ours), lambda: [coco.area(part) for part in parts]),
        "union of pairs": (lambda: union(ours, groups, len(pairs)), lambda: [coco.merge(list(pair)) for pair in pairs]),
        "Dice of pairs": (lambda: dice(first, second), lambda: [_dice_of_coco(coco, *pair) for pair in pairs]),
        "parse encoded masks": (lambda: parse(encoded), None),
        "write encoded masks": (lambda: to_text(ours), None),
    }
    assert np.array_equal(decode(ours, shape), coco.decode(theirs).transpose(2, 0, 1))
    assert np.allclose(dice(first, second), [_dice_of_coco(coco, *pair) for pair in pairs])
    rows = []
    for name, (mine, its) in tasks.items():
        here = best_of(mine, repeats)
        there = best_of(its, repeats) if its else None
        rows.append(
            {
                f"{len(painted):,} masks of {shape[0]}²": name,
                "pulmo, ms": f"{1e3 * here:.1f}",
                "pycocotools, ms": "" if there is None else f"{1e3 * there:.1f}",
                "speed-up": "" if there is None else f"{there / here:.1f}",
            }
        )
    return rows


def _dice_of_coco(coco: Any, first: dict[str, Any], second: dict[str, Any]) -> float:
    both = coco.area(coco.merge([first, second], intersect=True))
    total = int(coco.area(first)) + int(coco.area(second))
    return 2 * int(both) / total if total else 1.0


def scoring(solution: Path, submission: Path, repeats: int) -> list[dict[str, str]]:
    """SIIM's score of a real file, from runs and from decoded masks."""
    truth, sent = shared_rows(read_solution(solution), read_table(submission, (IMAGE, ENCODED_PIXELS)), IMAGE)
    value, painted = score(truth, sent, IMAGE), score_by_decoding(truth, sent)
    assert abs(value - painted) < 1e-12
    runs = best_of(lambda: score(truth, sent, IMAGE), repeats)
    paintings = best_of(lambda: score_by_decoding(truth, sent), repeats)
    name = f"mean Dice of {len(sent)} images, {value:.6f}"
    return [
        {"what": name, "from runs, ms": f"{1e3 * runs:.1f}", "decoded, ms": f"{1e3 * paintings:.1f}"}
        | {"speed-up": f"{paintings / runs:.0f}"}
    ]


def score_by_decoding(truth: Any, sent: Any) -> float:
    """The usual implementation: each mask decoded, pixels counted."""
    rows = truth.groupby(IMAGE, sort=False)[ENCODED_PIXELS].agg(list)
    total = 0.0
    for image, text in zip(sent[IMAGE], sent[ENCODED_PIXELS], strict=True):
        mask, other = decode_rows([text]), decode_rows(rows[image])
        both = np.count_nonzero(mask) + np.count_nonzero(other)
        total += 2 * np.count_nonzero(mask & other) / both if both else 1
    return total / len(sent)


def decode_rows(encoded: list[str]) -> np.ndarray:
    painted = np.zeros(PIXELS, bool)
    for text in encoded:
        numbers = [] if text == "-1" else list(map(int, text.split()))
        place = 0
        for offset, length in zip(numbers[::2], numbers[1::2], strict=True):
            place += offset
            painted[place : place + length] = True
            place += length
    return painted.reshape(SIDE_OF_KAGGLE, SIDE_OF_KAGGLE).T


def best_of(work: Callable[[], Any], repeats: int) -> float:
    """CPU seconds of the fastest repeat; everything runs in one thread."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


if __name__ == "__main__":
    main()
