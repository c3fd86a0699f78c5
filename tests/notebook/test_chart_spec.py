"""Charts in the words of Vega-Lite: nbconvex.notebook.chart_spec."""

from __future__ import annotations

import itertools
import json

import pytest

from nbconvex.notebook.chart_drawing import compiled
from nbconvex.notebook.chart_spec import INK, PALETTE, chart_spec

GROUNDS = ("#ffffff", "#111111")


def light(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", GROUNDS)
def test_colours_stand_out_on_light_and_on_dark(ground) -> None:
    assert min(contrast(colour, ground) for colour in PALETTE) > 3
    assert contrast(INK, ground) > 4


@pytest.mark.parametrize(
    ("kind", "x_kind", "ys", "color"),
    [
        (*each, *series)
        for each in itertools.product(("line", "bar", "scatter", "area"), ("number", "time", "day", "text"))
        for series in ((("y",), ""), (("a", "b"), ""), (("y",), "kind"))
    ],
)
def test_every_chart_has_its_parameters_and_rows(kind, x_kind, ys, color) -> None:
    vega = compiled(chart_spec(kind, "x", x_kind, ys, color=color))
    assert {"ink", "quiet", "line", "dots"} <= {each["name"] for each in vega["signals"]}
    assert [each["name"] for each in vega["data"]].count("rows") == 1


def test_names_of_fields_are_texts_and_never_expressions() -> None:
    hostile = "datum.x + 1; alert('hacked')"
    vega = json.dumps(compiled(chart_spec("line", hostile, "text", (hostile,), color=hostile)))
    places = vega.split(json.dumps(hostile)[1:-1])
    assert len(places) > 3
    assert all(before.endswith('"') and after.startswith('"') for before, after in itertools.pairwise(places))
    assert not any(before.endswith('"signal": "') for before in places[:-1])
