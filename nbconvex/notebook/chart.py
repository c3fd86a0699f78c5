"""A chart of a result, before anything is drawn.

Owns:  which rows of a value are points, and where: `ChartOptions`, `Chart`, `ChartPicture`; what is said instead of
       the picture; the limit of points.
Must not know: how a chart is described or drawn, HTML, IPython, widgets, where the value came from.
Invariants: a picture holds numbers and texts; names of fields and values never become part of a description's
       expressions, for points have fields of their own: x, y, c (the colour), i (the place in the result). What is not
       drawn is counted and said. The description depends on the options and on the kinds of values, not on the values.
Threads: a `Chart` belongs to one view and is used by one thread at a time.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, get_args

from nbconvex.errors import CallerError
from nbconvex.notebook.chart_spec import LABEL_PX_MAX, PALETTE, chart_spec
from nbconvex.notebook.picture import Picture, picture_of
from nbconvex.values.cells import TIMES_MS, cell_of, cell_text

#: Points of one chart: 10,000 are 200 KB on their way to the page, and more than a screen has places for.
CHART_POINTS_MAX: Final = 10_000
#: Points up to which a line shows each of them as a dot.
DOTS_MAX: Final = 80
#: Rows of the table that is saved beside a chart.
TABLE_ROWS_MAX: Final = 100
_DAY_MS: Final = 86_400_000
_PAGE_FIELDS: Final = frozenset({"page", "isDone", "continueCursor"})

ChartKind = Literal["line", "bar", "scatter", "area"]
FieldKind = Literal["number", "time", "text"]
CHART_KINDS: Final[tuple[str, ...]] = get_args(ChartKind)
_FIELD_KINDS: Final[tuple[str, ...]] = get_args(FieldKind)

#: Whether places are numbers or texts, moments, or days, which are the same for every reader.
Times = Literal["", "moments", "days"]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ChartOptions:
    """What a chart is asked to show.

    Shapes:  a field is its name, or its name and how to read it: `at:time`, `year:text`, `size:number`. Without `x` it
             is the place in the result; without `y` the one field that has numbers.
    """

    kind: str
    x: str = ""
    y: tuple[str, ...] = ()
    color: str = ""

    @classmethod
    def of(cls, kind: Any, x: Any = None, y: Any = None, color: Any = None) -> ChartOptions:
        """Read options as they are written after a magic, or given to `live`.

        Raises:  CallerError.
        """
        if kind not in CHART_KINDS:
            close = difflib.get_close_matches(str(kind), CHART_KINDS, 1)
            meant = f' Did you mean "{close[0]}"?' if close else ""
            raise CallerError(f"there is no chart of the kind {kind!r}.{meant} Kinds: {', '.join(CHART_KINDS)}.")
        names = y.split(",") if isinstance(y, str) else list(y or ())
        for name in (x or "", color or "", *names):
            if not isinstance(name, str):
                raise CallerError(f"a field of a chart is named by its text, not {name!r}.", hint='y=["low", "high"]')
        fields = tuple(name.strip() for name in names if name.strip())
        if len(fields) > len(PALETTE):
            raise CallerError(f"a chart has at most {len(PALETTE)} fields in y, not {len(fields)}.")
        if color and len(fields) > 1:
            raise CallerError(
                "several fields in y have a colour each; with color there is one field in y.",
                hint="y=low,high   or   y=value color=kind",
            )
        return cls(kind, (x or "").strip(), fields, (color or "").strip())

    def __str__(self) -> str:
        parts = [f"--chart {self.kind}", *([f"--x {self.x}"] if self.x else [])]
        parts += [f"--y {','.join(self.y)}"] if self.y else []
        return " ".join([*parts, *([f"--color {self.color}"] if self.color else [])])


@dataclass(frozen=True, slots=True)
class ChartPicture(Picture):
    """A chart and, as a picture of its own, the table of what it was made from.

    Shapes:  `points` are columns of the same length: x, y, i, and c where there are colours; `spec` is the description
             that `key` numbers; `said` says in words what there is to see.
    Units:   times in milliseconds since 1970 UTC.
    """

    spec: Mapping[str, Any] = field(default_factory=dict)
    key: int = 0
    points: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    times: Times = ""
    said: str = ""
    chart_note: str = ""

    @property
    def signals(self) -> dict[str, float | None]:
        """What the drawing goes by, besides its points.

        Shapes:  `dots`: whether a line has them (a single point would be no line at all, and the dots of thousands
                 would hide it); `bars`: how many places stand side by side, and `label_px`: how wide the longest
                 of their names is, roughly; `whole_x`, `whole_y`: whether all places of an axis are whole numbers;
                 `top`: the end of the upright axis where all heights are 0 and give it none.
        """
        y, places = self.points["y"], set(self.points["x"])
        return {
            "dots": 1 if len(y) <= DOTS_MAX else 0, "bars": max(1, len(places)), "label_px": _label_px(places),
            "whole_x": _are_whole(places), "whole_y": _are_whole(y), "top": None if any(y) else 1,
        }  # fmt: skip

    def point_rows(self) -> list[dict[str, Any]]:
        """The points one by one, as a description wants them."""
        names = list(self.points)
        return [dict(zip(names, values, strict=True)) for values in zip(*self.points.values(), strict=True)]

    def to_wire(self) -> dict[str, Any]:
        return {
            "shape": "chart", "key": self.key, "spec": self.spec, **self.points, "signals": self.signals,
            "labels": self.labels, "times": self.times, "said": self.said, "note": self.chart_note,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of the rows as it is drawn."""

    name: str
    kind: FieldKind
    read: Callable[[Any], Any]


class Chart:
    """Makes pictures of one query's results, one after the other."""

    def __init__(self, options: ChartOptions, compile_spec: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._options = options
        self._compile = compile_spec
        self._key = 0
        self._described: tuple[Any, ...] = ()
        self._spec: dict[str, Any] = {}

    def __call__(self, value: Any) -> ChartPicture:
        """The picture of `value`.

        Raises:  CallerError where the value has no rows, or not the fields that were asked for.
        """
        rows, note, usual_x = rows_of(value)
        table = picture_of(value, rows_max=TABLE_ROWS_MAX)
        options = self._options
        if not rows:
            return self._picture(table, _POSITION, options.y or ("",), {"x": [], "y": [], "i": []}, note, 0)
        names = list(dict.fromkeys(name for row in rows for name in row))
        along = options.x or usual_x
        x = _field(rows, names, along, "x") if along else _POSITION
        ys = [_number_field(rows, names, name) for name in options.y] or [_only_number(rows, names)]
        color = _field(rows, names, options.color, "color") if options.color else None
        shown = rows[: CHART_POINTS_MAX // len(ys)]
        points = _points(shown, x, ys, color, has_gaps=options.kind in {"line", "area"})
        notes = [note, f"showing the first {len(shown):,} of {len(rows):,} rows" if len(shown) < len(rows) else ""]
        missing = len(shown) * len(ys) - sum(y is not None for y in points["y"])
        if missing:
            what = " or ".join(dict.fromkeys([*filter(None, [x.name]), *(y.name for y in ys)]))
            notes.append(
                f"{missing:,} {'point has' if missing == 1 else 'points have'} no {what} and {_is(missing)} not drawn"
            )
        if "c" in points and len(found := set(points["c"])) > len(PALETTE):
            notes.append(f"{len(PALETTE)} colours for {len(found):,} values of {color.name if color else ''}")
        note = "; ".join(filter(None, notes))
        return self._picture(table, x, tuple(y.name for y in ys), points, note, len(rows), color)

    def _picture(
        self, table: Picture, x: _Field, ys: tuple[str, ...], points: dict[str, list[Any]], note: str, total: int,
        color: _Field | None = None,
    ) -> ChartPicture:  # fmt: skip
        times = _times(x, points["x"])
        described = (x.kind, times, ys, "c" in points)
        if points["y"] and described != self._described:
            self._key, self._described = self._key + 1, described
            kind = self._options.kind
            self._spec = self._compile(
                chart_spec(kind, x.name, "day" if times == "days" else x.kind, ys, color=color.name if color else "")
            )
        labels = {"x": x.name, "y": ys[0] if len(ys) == 1 else "", "c": color.name if color else ""}
        rows = f"{total:,} {'row' if total == 1 else 'rows'}"
        return ChartPicture(
            table.shape, table.columns, table.numeric, table.keys, table.rows, table.total, table.note, table.text,
            spec=self._spec, key=self._key, points=points, labels=labels, times=times,
            said=_in_words(self._options.kind, x, ys, points), chart_note="; ".join(filter(None, [rows, note])),
        )  # fmt: skip


def _label_px(places: Iterable[Any]) -> float:
    """What the longest name takes below its bar, with the gap to the next one, in the small letters of an axis."""
    longest = max((len(str(place)) for place in places), default=0)
    return min(LABEL_PX_MAX, 6 * longest) + 8


def _are_whole(places: Iterable[Any]) -> int:
    """1 where all places are whole numbers, 0 otherwise."""
    return int(all(place is None or (isinstance(place, (int, float)) and place % 1 == 0) for place in places))


def rows_of(value: Any) -> tuple[Rows, str, str]:
    """The rows in a result, what is to be said about them, and the field that they usually go along, if there is one.

    A list of documents is as many rows; so is one page of `paginate`. A list of single values has one field, value; one
    document has a row for each of its fields, with the fields field and value.
    Raises:  CallerError.
    """
    if isinstance(value, Mapping) and value.keys() >= _PAGE_FIELDS and isinstance(value["page"], list):
        end = "the last page" if value["isDone"] else "more pages follow"
        return rows_of(value["page"])[0], f"one page of a result, {end}", ""
    if isinstance(value, Mapping):
        return [{"field": str(name), "value": item} for name, item in value.items()], "", "field"
    if isinstance(value, (list, tuple)):
        if all(isinstance(item, Mapping) for item in value):
            return value, "", ""
        if not any(isinstance(item, (Mapping, list, tuple)) for item in value):
            return [{"value": item} for item in value], "", ""
    raise CallerError(
        f"a chart needs rows, and the result is {_described(value)}.",
        hint='return a list of documents: [{"day": "Mon", "visits": 12}, ...]',
    )


def _described(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        has_rows = any(isinstance(each, Mapping) for each in value)
        return "a list that mixes rows and other values" if has_rows else "a list of lists"
    name = type(value).__name__
    return "null" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _field(rows: Rows, names: list[str], wanted: str, role: str) -> _Field:
    """The field that was asked for, and how its values are read. Raises: CallerError."""
    name, kind = _split(wanted, names)
    if name not in names:
        raise _no_field(name, names, role)
    values = [value for row in rows if (value := row.get(name)) is not None]
    kind = kind or _kind_of(name, values)
    return _Field(name, kind, {"number": _number, "time": _time, "text": _text}[kind])


def _number_field(rows: Rows, names: list[str], wanted: str) -> _Field:
    name, kind = _split(wanted, names)
    if name not in names:
        raise _no_field(name, names, "y")
    if kind in {"time", "text"}:
        raise CallerError(f"y is drawn as a height, which a {kind} has none of.", hint=f"y={name}")
    read = _parsed_number if kind == "number" else _number
    if any(row.get(name) is not None for row in rows) and all(read(row.get(name)) is None for row in rows):
        raise CallerError(f"there are no numbers in {name}, so it cannot be drawn. {_with_numbers(rows, names)}")
    return _Field(name, "number", read)


def _only_number(rows: Rows, names: list[str]) -> _Field:
    """The field to draw where none was named. Raises: CallerError unless there is exactly one."""
    found = [name for name in _numeric(rows, names) if name != "_creationTime"]
    if len(found) != 1:
        raise CallerError(f"say which field the chart shows. {_with_numbers(rows, names)}", hint="--y FIELD")
    return _Field(found[0], "number", _number)


def _numeric(rows: Rows, names: list[str]) -> list[str]:
    return [name for name in names if any(_number(row.get(name)) is not None for row in rows)]


def _with_numbers(rows: Rows, names: list[str]) -> str:
    found = _numeric(rows, names)
    return f"Fields with numbers: {', '.join(found)}." if found else "None of the fields has numbers."


def _no_field(name: str, names: list[str], role: str) -> CallerError:
    close = difflib.get_close_matches(name, names, 1)
    meant = f' Did you mean "{close[0]}"?' if close else ""
    return CallerError(f'no row has the field "{name}" that {role} asks for.{meant} Fields: {", ".join(names)}.')


def _split(wanted: str, names: Iterable[str]) -> tuple[str, FieldKind | None]:
    """A field's name, and how it is to be read if that was said."""
    name, colon, kind = wanted.rpartition(":")
    if wanted in names or not colon:
        return wanted, None
    if kind not in _FIELD_KINDS:
        raise CallerError(f'a field is read as {", ".join(_FIELD_KINDS)}, not as "{kind}".', hint=f"{name}:time")
    return name, kind  # type: ignore[return-value]


def _kind_of(name: str, values: Sequence[Any]) -> FieldKind:
    if values and all(isinstance(value, date) for value in values):
        return "time"
    numbers = [_number(value) for value in values]
    if not values or None in numbers:
        return "text"
    first, last = TIMES_MS
    is_time = name == "_creationTime" or all(first <= number <= last for number in numbers if number is not None)
    return "time" if is_time else "number"


def _number(value: Any) -> float | int | None:
    """A number as a page has them; None where it is none, or is none of those that can be drawn."""
    if isinstance(value, (bool, str, bytes, list, Mapping, date)) or value is None:
        return None
    if not isinstance(value, (int, float)):
        # Int64, Decimal and their kind.
        try:
            value = int(value) if hasattr(value, "__index__") else float(value)
        except (TypeError, ValueError, OverflowError):
            return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


#: What a chart goes along where no field was named: the place of a row in the result.
_POSITION: Final = _Field("", "number", _number)


def _parsed_number(value: Any) -> float | int | None:
    if isinstance(value, str):
        try:
            return _number(float(value))
        except ValueError:
            return None
    return _number(value)


def _time(value: Any) -> float | int | None:
    """A time in milliseconds since 1970 UTC, from a number of them, a datetime, a date or their ISO text."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1e3
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1e3
    return _number(value)


def _text(value: Any) -> str | None:
    return None if value is None else cell_text(cell_of(value))


def _points(
    rows: Rows, x: _Field, ys: Sequence[_Field], color: _Field | None, *, has_gaps: bool
) -> dict[str, list[Any]]:
    """The points in the order of the rows. A line keeps those without a y as its gaps; others are left out."""
    is_many = len(ys) > 1
    points: dict[str, list[Any]] = {"x": [], "y": [], "i": [], **({"c": []} if is_many or color else {})}
    for at, row in enumerate(rows):
        where = x.read(row.get(x.name)) if x.name else at
        if where is None:
            continue
        for y in ys:
            height = y.read(row.get(y.name))
            if height is None and not has_gaps:
                continue
            points["x"].append(where)
            points["y"].append(height)
            points["i"].append(at)
            if is_many:
                points["c"].append(y.name)
            elif color is not None:
                value = row.get(color.name)
                points["c"].append("null" if value is None else _text(value))
    return points


def _times(x: _Field, places: Sequence[Any]) -> Times:
    if x.kind != "time":
        return ""
    return "days" if all(place % _DAY_MS == 0 for place in places) else "moments"


def _in_words(kind: str, x: _Field, ys: tuple[str, ...], points: Mapping[str, Sequence[Any]]) -> str:
    """What there is to see, for whoever does not see it."""
    drawn = [(where, height) for where, height in zip(points["x"], points["y"], strict=True) if height is not None]
    head = f"{kind.capitalize()} chart of {', '.join(ys) or 'nothing'} by {x.name or 'position'}"
    if not drawn:
        return f"{head}: no points."
    low, high = min(drawn, key=lambda each: each[1]), max(drawn, key=lambda each: each[1])
    parts = [f"{head}: {len(drawn):,} {'point' if len(drawn) == 1 else 'points'}"]
    if "c" in points:
        series = list(dict.fromkeys(points["c"]))
        colours = "colour" if len(series) == 1 else "colours"
        parts.append(f"in {len(series):,} {colours} ({', '.join(series[:8])}{', …' if len(series) > 8 else ''})")
    marked = [("Least", low), ("greatest", high), ("last", drawn[-1])]
    told = ", ".join(f"{which} {height:,.6g} at {_place(where, x)}" for which, (where, height) in marked)
    return f"{' '.join(parts)}. {told}."


def _place(where: Any, x: _Field) -> str:
    if x.kind == "time":
        return cell_text(f"t{where!r}").removesuffix(" 00:00:00 UTC")
    return f"{where:,.6g}" if x.kind == "number" else str(where)


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
