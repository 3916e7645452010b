"""Cross-validation estimates against Kaggle's scores, one panel per competition."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pulmo.report.style import BLUE, GREY, SKY, VERMILION, figure

_BOARDS = (("public_score", "public", BLUE), ("private_score", "private", VERMILION))


def draw_leaderboard(submissions: Sequence[Mapping[str, str]], path: Path) -> bool:
    """Draw all submissions with an estimate and a score.

    Args:
        submissions: `competition`, `cv_mean`, `cv_error`, `public_score` and `private_score` as text; empty if unknown.
        path: of the figure.

    Returns:
        Whether there was any such submission.
    """
    scored = [one for one in submissions if one["cv_mean"] and (one["public_score"] or one["private_score"])]
    competitions = sorted({one["competition"] for one in scored})
    if not competitions:
        return False
    with figure(4.2 * len(competitions), 4.2, path) as drawing:
        panels = drawing.subplots(1, len(competitions), squeeze=False)[0]
        for axes, competition in zip(panels, competitions, strict=True):
            for column, label, colour in _BOARDS:
                rows = [one for one in scored if one["competition"] == competition and one[column]]
                if rows:
                    x, error, y = (
                        [float(one[name] or "nan") for one in rows] for name in ("cv_mean", "cv_error", column)
                    )
                    xerr = [0.0 if math.isnan(value) else value for value in error]
                    axes.errorbar(x, y, xerr=xerr, fmt="o", color=colour, ecolor=SKY, capsize=3, label=label)
            axes.axline((axes.get_xlim()[0], axes.get_xlim()[0]), slope=1, color=GREY, linewidth=1)
            axes.set_title(competition)
            axes.set_xlabel("estimate ± standard error")
            axes.set_ylabel("Kaggle score")
            axes.legend(loc="upper left")
    return True
