"""The drawing library: nbconvex.notebook.chart_drawing."""

from __future__ import annotations

import base64
import re
import sys
import xml.etree.ElementTree as ET

import pytest

from nbconvex.errors import CallerError
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


def test_description_cannot_load_anything() -> None:
    vega = compiled(chart_spec("line", "x", "number", ("y",)))
    vega["data"].append({"name": "spy", "url": "http://127.0.0.1:9/spy.json"})
    with pytest.raises(ValueError, match="allowed"):
        picture_src(vega, [{"x": 1, "y": 1, "i": 0}], {"dots": 1})


def test_missing_package_is_named_with_its_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(CallerError, match=r"nbconvex\[charts\]"):
        library()
