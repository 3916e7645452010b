"""Names from data are drawn literally, whatever characters they contain."""

import re
import warnings
from pathlib import Path

import pandas as pd
import pytest

from pulmo.report.charts import Groups, bars, histogram_by_group
from pulmo.report.figure_html import svg
from pulmo.report.style import figure, panel, plain_powers

NAMES = ["$x$", "a_$b$_c", "100 %", r"\$5 $", "$\\frac{$", "_hidden", "{0}", "$$"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_drawn_literally(name: str, tmp_path: Path) -> None:
    with panel(4, 2) as drawing:
        axes = drawing.subplots()
        axes.plot([0, 1], [0, 1])
        axes.set(title=name, xlabel=name)
        axes.set_yticks([0, 1], [name, "b"])
    assert svg(drawing).count(f">{name}</text>") == 3
    with figure(4, 2, tmp_path / "a.png") as drawing:
        drawing.suptitle(name)
    assert (tmp_path / "a.png").stat().st_size


@pytest.mark.parametrize("name", NAMES)
def test_a_group_of_any_name_is_in_the_legend(name: str) -> None:
    table = pd.DataFrame({"kind": [name, name, "other"], "value": [1.0, 2.0, 3.0]})
    groups = Groups("kind", {name: "#0072B2", "other": "#E69F00"})
    text = svg(histogram_by_group(table, "value", "mm", groups)).replace("\u200b", "")
    assert f">{name}, n = 2</text>" in text
    assert ">other, n = 1</text>" in text
    assert f">{name}</text>" in svg(bars(table["kind"].value_counts(), "rows"))


def test_a_logarithmic_axis_has_numbers_not_formulas() -> None:
    with panel(4, 3) as drawing:
        axes = drawing.subplots()
        axes.plot([0, 1], [1, 100_000])
        axes.set(yscale="log")
        plain_powers(axes.yaxis)
    text = svg(drawing)
    assert "mathdefault" not in text
    assert ">10,000</text>" in text


def test_letters_that_the_font_lacks_are_drawn_without_a_warning(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with figure(4, 2, tmp_path / "a.png") as drawing:
            drawing.suptitle("肺")
        with panel(4, 2) as drawing:
            drawing.suptitle("肺")
        assert re.search(">肺</text>", svg(drawing))
