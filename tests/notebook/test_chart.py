"""Charts before anything is drawn: nbconvex.notebook.chart."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from nbconvex.errors import CallerError
from nbconvex.notebook.chart import CHART_POINTS_MAX, Chart, ChartOptions, ChartPicture
from nbconvex.values.scalars import Int64

DAYS = [
    {"_id": "a", "day": "Mon", "visits": 12, "at": 1.79e12, "kind": "web"},
    {"_id": "b", "day": "Tue", "visits": 7.5, "at": 1.79e12 + 1, "kind": "app"},
]


def picture(value: Any, kind: str = "line", **fields: Any) -> ChartPicture:
    return Chart(ChartOptions.of(kind, **fields), lambda spec: spec)(value)


def refusal(value: Any, kind: str = "line", **fields: Any) -> str:
    with pytest.raises(CallerError) as refused:
        picture(value, kind, **fields)
    return str(refused.value)


def test_rows_are_points_in_their_order() -> None:
    drawn = picture(DAYS, "bar", x="day", y="visits", color="kind")
    assert drawn.points == {"x": ["Mon", "Tue"], "y": [12, 7.5], "i": [0, 1], "c": ["web", "app"]}
    assert drawn.chart_note == "2 rows"
    assert json.loads(json.dumps(drawn.to_wire()))["shape"] == "chart"


def test_several_fields_are_as_many_series() -> None:
    drawn = picture([{"low": 1, "high": 5}, {"low": 2, "high": None}], y="low, high")
    assert drawn.points["c"] == ["low", "high", "low", "high"]
    assert drawn.points["y"] == [1, 5, 2, None]


def test_one_page_of_a_result_is_its_rows() -> None:
    drawn = picture({"page": DAYS, "isDone": False, "continueCursor": "x"}, x="day", y="visits")
    assert drawn.points["x"] == ["Mon", "Tue"]
    assert drawn.chart_note == "2 rows; one page of a result, more pages follow"


def test_list_of_numbers_goes_along_their_places() -> None:
    assert picture([3, 1, 4]).points == {"x": [0, 1, 2], "y": [3, 1, 4], "i": [0, 1, 2]}


def test_one_document_goes_along_its_fields() -> None:
    assert picture({"Adelie": 151, "Gentoo": 123}, "bar").points["x"] == ["Adelie", "Gentoo"]


@pytest.mark.parametrize(
    ("values", "field", "kind", "drawn"),
    [
        ([1, 2.5], "n", "number", [1, 2.5]),
        ([Int64(2**60), Decimal("1.5")], "n", "number", [2**60, 1.5]),
        ([1.79e12, 1.8e12], "n", "time", [1.79e12, 1.8e12]),
        ([1.79e12, 1.8e12], "n:number", "number", [1.79e12, 1.8e12]),
        ([0.0, 5.0], "_creationTime", "time", [0.0, 5.0]),
        ([datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 2)], "n", "time", [1767225600000.0, 1767312000000.0]),
        (["2026-01-01", "2026-01-01T01:00:00+01:00"], "n:time", "time", [1767225600000.0, 1767225600000.0]),
        (["2026-01-01", "x"], "n", "text", ["2026-01-01", "x"]),
        ([2025, 2026], "n:text", "text", ["2025", "2026"]),
        ([1, "b"], "n", "text", ["1", "b"]),
        ([True, False], "n", "text", ["true", "false"]),
    ],
)
def test_values_are_numbers_times_or_texts(values, field, kind, drawn) -> None:
    name = field.partition(":")[0]
    made = picture([{name: value, "y": 1} for value in values], x=field, y="y")
    assert made.points["x"] == drawn
    assert (made.times != "") is (kind == "time")
    expected = {"number": "quantitative", "time": "temporal", "text": "nominal"}[kind]
    assert made.spec["encoding"]["x"]["type"] == expected


def test_what_cannot_be_drawn_is_counted() -> None:
    rows = [{"x": 1, "y": 1}, {"x": 2}, {"y": 3}, {"x": 4, "y": float("nan")}, {"x": 5, "y": "five"}]
    scatter = picture(rows, "scatter", x="x", y="y")
    assert scatter.points["x"] == [1]
    assert scatter.chart_note == "5 rows; 4 points have no x or y and are not drawn"
    line = picture(rows, "line", x="x", y="y")
    assert line.points["y"] == [1, None, None, None]
    assert "NaN" not in json.dumps(line.to_wire())


def test_null_is_a_colour_of_its_own() -> None:
    drawn = picture([{"y": 1, "k": None}, {"y": 2, "k": "null"}, {"y": 3, "k": 7}], y="y", color="k")
    assert drawn.points["c"] == ["null", "null", "7"]


def test_points_are_limited_and_it_is_said() -> None:
    drawn = picture([{"x": at, "a": at, "b": at} for at in range(CHART_POINTS_MAX)], y="a,b", x="x")
    assert len(drawn.points["y"]) == CHART_POINTS_MAX
    assert drawn.chart_note == "10,000 rows; showing the first 5,000 of 10,000 rows"
    assert (drawn.signals["dots"], drawn.signals["bars"]) == (0, 5_000)


@pytest.mark.parametrize(("values", "is_whole"), [([0, 3.0, None], 1), ([0, 0.5], 0), ([], 1)])
def test_whole_numbers_are_told_from_others(values, is_whole) -> None:
    assert picture([{"x": f"place {at}", "y": y} for at, y in enumerate(values)], x="x", y="y").signals["whole_y"] == (
        is_whole
    )


def test_more_values_than_colours_is_said() -> None:
    drawn = picture([{"y": at, "k": f"k{at}"} for at in range(9)], y="y", color="k")
    assert drawn.chart_note == "9 rows; 8 colours for 9 values of k"


def test_one_row_and_no_rows_are_charts() -> None:
    assert (
        picture([{"y": 1}], y="y").said
        == "Line chart of y by position: 1 point. Least 1 at 0, greatest 1 at 0, last 1 at 0."
    )
    nothing = picture([], x="at", y="visits")
    assert nothing.points == {"x": [], "y": [], "i": []}
    assert nothing.said == "Line chart of visits by position: no points."
    assert picture([]).said == "Line chart of nothing by position: no points."


def test_only_field_with_numbers_needs_no_name() -> None:
    assert picture([{"day": "Mon", "visits": 3, "_creationTime": 5.0}]).labels["y"] == "visits"


def test_words_say_what_there_is_to_see() -> None:
    said = picture(DAYS, "scatter", x="at", y="visits", color="kind").said
    assert said == (
        "Scatter chart of visits by at: 2 points in 2 colours (web, app). Least 7.5 at 2026-09-21 14:13:20 UTC, "
        "greatest 12 at 2026-09-21 14:13:20 UTC, last 7.5 at 2026-09-21 14:13:20 UTC."
    )


@pytest.mark.parametrize(
    ("value", "fields", "sentence"),
    [
        (DAYS, {"x": "dai", "y": "visits"}, 'the field "dai" that x asks for. Did you mean "day"? Fields: _id, day'),
        (DAYS, {"y": "nope"}, 'no row has the field "nope" that y asks for.'),
        (DAYS, {"y": "visits", "color": "hue"}, 'no row has the field "hue" that color asks for.'),
        (DAYS, {"x": "day", "y": "kind"}, "no numbers in kind, so it cannot be drawn. Fields with numbers: visits"),
        (DAYS, {"x": "day"}, "say which field the chart shows. Fields with numbers: visits, at."),
        (DAYS, {"y": "visits:tiem"}, 'a field is read as number, time, text, not as "tiem".'),
        (DAYS, {"y": "visits:text"}, "y is drawn as a height"),
        (42, {}, "a chart needs rows, and the result is an int."),
        (None, {}, "the result is null"),
        ([[1, 2]], {}, "a list of lists"),
        ([{"a": 1}, 2], {}, "a list that mixes rows and other values"),
    ],
)  # fmt: skip
def test_chart_that_cannot_be_made_is_refused_with_what_there_is(value, fields, sentence) -> None:
    assert sentence in refusal(value, **fields)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("pie",), "there is no chart of the kind 'pie'. Kinds: line, bar, scatter, area."),
        (("lines",), 'Did you mean "line"?'),
        (("line", "x", "a,b", "c"), "several fields in y have a colour each"),
        (("line", "x", [1]), "named by its text, not 1"),
        (("line", "x", ",".join("abcdefghi")), "at most 8 fields in y"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, sentence) -> None:
    with pytest.raises(CallerError, match=r".*") as refused:
        ChartOptions.of(*options)
    assert sentence in str(refused.value)


def test_description_stays_while_the_kinds_of_values_do() -> None:
    chart = Chart(ChartOptions.of("line", "x", "y"), lambda spec: spec)
    first, second, third = (chart([{"x": x, "y": 1}]) for x in (1, 2, "three"))
    assert (first.key, second.key, third.key) == (1, 1, 2)
    assert chart([]).key == 2


def test_table_of_the_rows_stands_behind_a_chart() -> None:
    drawn = picture(DAYS, x="day", y="visits")
    assert drawn.columns[:2] == ("_id", "day")
    assert drawn.first(1).rows == drawn.rows[:1]


def test_days_are_the_same_for_every_reader() -> None:
    days = picture([{"day": "2026-01-01", "y": 1}, {"day": "2026-01-02", "y": 2}], x="day:time", y="y")
    assert (days.times, days.spec["encoding"]["x"]["scale"]["type"]) == ("days", "utc")
    assert days.said.endswith("last 2 at 2026-01-02.")
    moments = picture([{"day": "2026-01-01", "y": 1}, {"day": "2026-01-02T12:00", "y": 2}], x="day:time", y="y")
    assert (moments.times, moments.spec["encoding"]["x"]["scale"]) == ("moments", {})
    assert moments.said.endswith("last 2 at 2026-01-02 12:00:00 UTC.")
