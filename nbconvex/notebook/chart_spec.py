"""Charts in the words of Vega-Lite.

Owns:  how each kind of chart is described; colours, dashes and shapes.
Must not know: the rows: a description names the fields x, y, c and i of points that are handed in later as `rows`.
Invariants: what a user has named stands in titles only, which are texts and never expressions. Colours of text and
       lines are parameters that a page sets to its theme's. Every colour of the palette has a contrast of at least 3
       to 1 with white and with the darkest ground of JupyterLab, and no series is told from another by colour alone.
Threads: pure.
Source: Vega-Lite 6, https://vega.github.io/vega-lite/docs/. The palette is Okabe and Ito's for readers who see colours
       differently, its lightest colours darkened.
"""

from __future__ import annotations

from typing import Any, Final

#: One colour a series, in this order; then they repeat.
PALETTE: Final = ("#2b83ba", "#d55e00", "#009e73", "#b9659a", "#a8780c", "#7467c9", "#8c5a3c", "#7f7f7f")
#: Dashes of lines: on and off in pixels.
DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [1, 4], [4, 1], [10, 2, 2, 2, 2, 2])
SHAPES: Final = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left",
)  # fmt: skip
#: A picture without a page around it: on white and on black alike.
INK: Final = "#7a7a7a"
LINE: Final = "rgba(128,128,128,0.35)"
WIDTH: Final = 700
HEIGHT: Final = 280
#: How much of a name stands below its bar.
LABEL_PX_MAX: Final = 110

_VEGA_LITE: Final = "https://vega.github.io/schema/vega-lite/v6.json"
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
#: Whether names below an axis would run into each other; the points say how many there are, and how wide they get.
_IS_CROWDED: Final = "bars * label_px > width"
#: Times as tables have them; days and what is longer as Vega writes them.
_CLOCK: Final = {"milliseconds": "%H:%M:%S.%L", "seconds": "%H:%M:%S", "minutes": "%H:%M", "hours": "%H:%M"}
_KINDS: Final = {"number": "quantitative", "time": "temporal", "day": "temporal", "text": "nominal"}


def chart_spec(kind: str, x: str, x_kind: str, ys: tuple[str, ...], *, color: str = "") -> dict[str, Any]:
    """The description of a chart whose points are to come.

    Shapes:  `x` and `color` are titles, `ys` the fields that are drawn; several are a series each, as the values of
             `color` are.
    """
    is_many = len(ys) > 1
    encoding: dict[str, Any] = {"x": _x(kind, x, x_kind), "y": _y(kind)}
    if kind == "bar":
        # Rows with the same x stand on one another instead of hiding one another.
        encoding["detail"] = {"field": "i", "type": "quantitative"}
    if is_many or color:
        encoding |= _series(kind, color, ys if is_many else ())
        if kind == "bar" and is_many:
            encoding["xOffset"] = {"field": "c", "type": "nominal", "sort": list(ys)}
        if kind == "area" and is_many:
            encoding["y"]["stack"] = None
    return {
        "$schema": _VEGA_LITE,
        "width": WIDTH,
        "height": HEIGHT,
        # Again after each change of the data: longer labels need more room than those of the first result.
        "autosize": {"type": "fit", "contains": "padding", "resize": True},
        # Below, for letters that hang: a title there may end where the picture does.
        "padding": {"left": 0, "top": 0, "right": 0, "bottom": 3},
        "background": None,
        # Above the plot, where it is read without turning one's head.
        "title": None if is_many else {"text": ys[0], "anchor": "start"},
        "params": [
            {"name": "ink", "value": INK}, {"name": "quiet", "value": INK}, {"name": "line", "value": LINE},
            {"name": "dots", "value": 1}, {"name": "bars", "value": 1}, {"name": "label_px", "value": 0},
            {"name": "top", "value": None}, {"name": "whole_x", "value": 0}, {"name": "whole_y", "value": 0},
        ],
        "data": {"name": "rows", "values": []},
        "mark": _mark(kind, x_kind, is_overlaid=kind == "area" and is_many),
        "encoding": encoding,
        "config": _CONFIG,
    }  # fmt: skip


def _mark(kind: str, x_kind: str, *, is_overlaid: bool) -> dict[str, Any]:
    if kind == "bar":
        # Along a line of time there are no places of a width of their own.
        width = {"width": {"expr": "clamp(0.7 * width / bars, 2, 60)"}} if x_kind in {"time", "day"} else {}
        return {"type": "bar", "cornerRadiusEnd": 2, "tooltip": True, **width}
    if kind == "scatter":
        return {"type": "point", "filled": True, "size": 42, "opacity": 0.8, "tooltip": True}
    # Those that are not seen are still found by the pointer.
    dots = {"filled": True, "size": 36, "opacity": {"expr": "dots"}, "tooltip": True}
    if kind == "area":
        opacity = 0.3 if is_overlaid else 0.55
        return {"type": "area", "opacity": opacity, "line": {"strokeWidth": 1.5}, "point": dots}
    return {"type": "line", "strokeWidth": 2, "strokeJoin": "round", "point": dots}


def _x(kind: str, title: str, x_kind: str) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": title or "position", "grid": False, "labelOverlap": True, "labelSeparation": 6}
    if x_kind == "text" or (kind == "bar" and x_kind == "number"):
        # In the order of the rows, also when that changes; numbers in their own.
        sort = {"field": "i", "op": "min"} if x_kind == "text" else "ascending"
        # Vega-Lite works out where a label hangs from an angle that it knows, and not from an expression.
        hung = {
            "labelAngle": ("-40", "0"),
            "labelAlign": ("'right'", "'center'"),
            "labelBaseline": ("'middle'", "'top'"),
        }
        for name, (tilted, level) in hung.items():
            axis[name] = {"expr": f"{_IS_CROWDED} ? {tilted} : {level}"}
        # Tilted, each label needs its height only; where that is too much, every other one is left out.
        axis["labelOverlap"] = {"expr": f"{_IS_CROWDED} && width > 14 * bars ? false : 'parity'"}
        axis["labelLimit"] = LABEL_PX_MAX
        return {
            "field": "x", "type": "nominal" if x_kind == "text" else "ordinal", "sort": sort, "axis": axis,
        }  # fmt: skip
    axis["tickCount"] = {"expr": "ceil(width / 90)"}
    if x_kind == "time":
        axis["format"] = dict(_CLOCK)
    if x_kind == "number":
        axis["tickCount"] = _ticks("x", "ceil(width / 90)")
        # The thousands of a year have no comma.
        axis["labelExpr"] = "whole_x && domain('x')[1] < 10000 ? format(datum.value, 'd') : datum.label"
    scale: dict[str, Any] = {"zero": False, "nice": kind == "scatter"} if x_kind == "number" else {}
    if x_kind == "day":
        # Midnight in UTC: in the zone of a reader it might be the day before.
        scale["type"] = "utc"
    if kind == "bar":
        scale["padding"] = {"expr": "clamp(0.4 * width / bars, 2, 34)"}
    return {"field": "x", "type": _KINDS[x_kind], "scale": scale, "axis": axis}


def _y(kind: str) -> dict[str, Any]:
    scale: dict[str, Any] = {"zero": kind in {"bar", "area"}, "nice": True}
    if scale["zero"]:
        scale["domainMax"] = {"expr": "top"}
    return {
        "field": "y",
        "type": "quantitative",
        "scale": scale,
        "axis": {"title": None, "tickCount": _ticks("y", "6")},
    }


def _ticks(axis: str, most: str) -> dict[str, str]:
    """How many places of an axis have a label: no more than there are whole numbers, where all points are such.

    No vote is half a vote. (Vega's tickMinStep is off by one tick, which lets halves through.)
    """
    return {"expr": f"whole_{axis} ? clamp(domain('{axis}')[1] - domain('{axis}')[0], 1, {most}) : {most}"}


def _series(kind: str, title: str, ys: tuple[str, ...]) -> dict[str, Any]:
    """A colour a series, and what tells it from others without colours where the mark has such a thing."""
    legend: dict[str, Any] = {"title": title or None, "orient": "top", "direction": "horizontal", "columns": 6}
    legend["symbolLimit"] = 24
    domain: dict[str, Any] = {"domain": list(ys)} if ys else {}
    base = {"field": "c", "type": "nominal", "legend": legend}
    if kind == "line":
        legend |= {"symbolType": "stroke", "symbolSize": 260, "symbolStrokeWidth": 2}
    encoding = {"color": {**base, "scale": {"range": list(PALETTE), **domain}}}
    if kind == "line":
        encoding["strokeDash"] = {**base, "scale": {"range": list(DASHES), **domain}}
    if kind == "scatter":
        encoding["shape"] = {**base, "scale": {"range": list(SHAPES), **domain}}
    return encoding


_CONFIG: Final[dict[str, Any]] = {
    "font": _FONT,
    "range": {"category": list(PALETTE)},
    "mark": {"color": PALETTE[0]},
    "view": {"stroke": None},
    "axis": {
        "labelColor": {"expr": "quiet"}, "titleColor": {"expr": "ink"}, "gridColor": {"expr": "line"},
        "domainColor": {"expr": "line"}, "tickColor": {"expr": "line"},
        "labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": 600, "labelPadding": 4, "titlePadding": 8,
    },
    "title": {"color": {"expr": "ink"}, "fontSize": 12, "fontWeight": 600, "offset": 10, "frame": "group"},
    "axisY": {"domain": False, "ticks": False},
    "legend": {
        "labelColor": {"expr": "ink"}, "titleColor": {"expr": "quiet"}, "labelFontSize": 12, "titleFontSize": 12,
        "titleFontWeight": "normal", "symbolSize": 90, "symbolOpacity": 1, "offset": 10, "labelLimit": 160,
    },
}  # fmt: skip
