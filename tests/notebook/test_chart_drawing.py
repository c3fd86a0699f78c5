"""The drawing library: nbconvex.notebook.chart_drawing."""

from __future__ import annotations

import base64
import re
import sys
import xml.etree.ElementTree as ET

import pytest

from nbconvex.errors import CallerError
from nbconvex.notebook.chart import Chart, ChartOptions
from nbconvex.notebook.chart_drawing import SVG_POINTS_MAX, compiled, library, picture_src
from nbconvex.notebook.chart_spec import chart_spec


def src(rows: list[dict[str, object]], x_kind: str = "number") -> str:
    return picture_src(compiled(chart_spec("scatter", "x", x_kind, ("y",))), rows, {"dots": 1})


def svg_of(src: str) -> str:
    return base64.b64decode(src.removeprefix("data:image/svg+xml;base64,")).decode()


def test_few_points_are_drawn_as_svg() -> None:
    svg = svg_of(src([{"x": at, "y": at, "i": at} for at in range(3)]))
    assert ET.fromstring(svg).tag.endswith("svg")
    assert svg.count('aria-roledescription="point"') == 3


def test_many_points_are_drawn_as_png() -> None:
    made = src([{"x": at, "y": at, "i": at} for at in range(SVG_POINTS_MAX + 1)])
    assert base64.b64decode(made.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")


def test_data_stays_text_in_a_picture() -> None:
    svg = svg_of(src([{"x": "<script>alert(1)</script>", "y": 1, "i": 0}], "text"))
    assert "<script" not in svg
    assert "&lt;script" in svg


def test_picture_shows_times_in_utc() -> None:
    # The library reads the zone once, so this holds whatever zone the process is in.
    midnight = 1767225600000.0
    svg = svg_of(src([{"x": midnight + 3_600_000 * at, "y": 1, "i": at} for at in range(0, 24, 6)], "time"))
    assert re.findall(r">(\d\d [AP]M|\w{3} \d\d|\d{4})</text>", svg)[0] == "2026"


def labels(kind: str, rows: list[dict[str, object]]) -> list[str]:
    """What stands along the axes of a chart: first the level one, then the upright one."""
    picture = Chart(ChartOptions.of(kind, x="x", y="y"), compiled)(rows)
    svg = svg_of(picture_src(picture.spec, picture.point_rows(), picture.signals))
    texts = re.findall(r">([^<]+)</text>", svg)
    texts.remove("x")
    texts.remove("y")
    return texts


@pytest.mark.parametrize(
    ("heights", "upright"),
    [
        ([0, 0], ["0", "1"]),
        ([1, 0], ["0", "1"]),
        ([2, 3], ["0", "1", "2", "3"]),
        ([0, -2], ["−2", "−1", "0"]),
        ([0.5, 1.5], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0", "1.2", "1.4", "1.6"]),
    ],
)
def test_axis_of_counts_has_whole_numbers_and_begins_at_nothing(heights, upright) -> None:
    rows = [{"x": name, "y": height} for name, height in zip("ab", heights, strict=True)]
    assert labels("bar", rows) == ["a", "b", *upright]


@pytest.mark.parametrize(
    ("step_ms", "form"),
    [(100, r"\d\d:\d\d:\d\d\.\d{3}"), (1_000, r"\d\d:\d\d:\d\d"), (60_000, r"\d\d:\d\d"), (3_600_000, r"\d\d:00")],
)
def test_times_are_written_with_as_much_as_tells_them_apart(step_ms, form) -> None:
    shown = labels("line", [{"x": 1767225600000.0 + step_ms * at, "y": at} for at in range(12)])
    clock = [each for each in shown if ":" in each]
    assert clock
    assert all(re.fullmatch(form, each) for each in clock), clock


def test_years_are_written_as_years() -> None:
    assert labels("line", [{"x": year, "y": 1} for year in (2019, 2020, 2021)])[:3] == ["2019", "2020", "2021"]
    assert labels("line", [{"x": people, "y": 1} for people in (0, 20_000)])[-3:-1] == ["18,000", "20,000"]


@pytest.mark.parametrize(("names", "anchor"), [(["The whale", "The bat"], "middle"), (["a long name"] * 30, "end")])
def test_names_stand_in_the_middle_below_their_bars_until_they_are_crowded(names, anchor) -> None:
    rows = [{"x": f"{name} {at}", "y": at} for at, name in enumerate(names)]
    picture = Chart(ChartOptions.of("bar", x="x", y="y"), compiled)(rows)
    svg = svg_of(picture_src(picture.spec, picture.point_rows(), picture.signals))
    shown = re.findall(rf'<text text-anchor="{anchor}"[^>]*>([^<]+)</text>', svg)
    assert [each for each in shown if each in {row["x"] for row in rows}] == [row["x"] for row in rows]


def test_description_cannot_load_anything() -> None:
    vega = compiled(chart_spec("line", "x", "number", ("y",)))
    vega["data"].append({"name": "spy", "url": "http://127.0.0.1:9/spy.json"})
    with pytest.raises(ValueError, match="allowed"):
        picture_src(vega, [{"x": 1, "y": 1, "i": 0}], {"dots": 1})


def test_missing_package_is_named_with_its_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(CallerError, match=r"nbconvex\[charts\]"):
        library()
