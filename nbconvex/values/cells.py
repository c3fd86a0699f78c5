"""One value as a cell of a table on a page.

Owns:  `cell_of`, `cell_text`, `Button`; which kinds of cells there are, and where a cell is cut.
Must not know: tables, HTML, where a value came from.
Invariants: a cell is one string whose first character is its kind (`CELL_KINDS`); the rest is text, so nothing of a
value can become markup by accident.
Threads: pure functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nbconvex.values.moments import plain_moment

#: Characters of one cell. The whole text is in the data; a page needs its beginning.
CELL_CHARACTERS_MAX: Final = 400

#: The first character of a cell: text, number, boolean, null, absent, time in ms, nested value, bytes, document id,
#: button, text about a failure.
CELL_KINDS: Final = {
    "s": "text", "n": "number", "b": "boolean", "z": "null", "u": "absent", "t": "time", "j": "nested", "y": "bytes",
    "i": "id", "p": "a button", "x": "a failure",
}  # fmt: skip

#: Numbers between these are times where a field is one of times: milliseconds since 1970, of the years 2001 to 2100.
TIMES_MS: Final = (978_307_200_000.0, 4_133_980_800_000.0)
#: Names of fields that hold times, as people write them: created_at, dueAt, startTime, date, expires, last_seen.
_NAMES_A_TIME: Final = re.compile(
    r"(?:\A|_)(?:at|on|time|date|timestamp|since|until|due|expires|seen)\Z|[a-z](?:At|On|Time|Date|Since|Until|Seen)\Z"
)
_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{31,37}\Z")


class Button(str):
    """A label that can be pressed where a live table is shown as a widget; nothing elsewhere."""

    __slots__ = ()


def cell_of(value: Any, *, column: str = "", characters_max: int = CELL_CHARACTERS_MAX) -> str:
    """One value as a cell; `column` is the field that it stands in."""
    if value is None:
        return "z"
    if isinstance(value, bool):
        return "btrue" if value else "bfalse"
    if isinstance(value, Button):
        return f"p{value}"
    if isinstance(value, str):
        return ("i" if column == "_id" or _ID.match(value) else "s") + cut_text(value, characters_max)
    if isinstance(value, (int, float)):
        is_time = column == "_creationTime" or (TIMES_MS[0] <= value <= TIMES_MS[1] and _NAMES_A_TIME.search(column))
        return f"t{value!r}" if is_time else f"n{value!r}"
    if isinstance(value, bytes):
        beginning = value[:16].hex(" ")
        return f"y{len(value):,} bytes: {beginning}{' …' if len(value) > len(value[:16]) else ''}"
    if isinstance(value, (Mapping, list, tuple)):
        return "j" + cut_text(json_of(value), characters_max)
    ms = plain_moment(value)
    if ms is not value:
        return f"t{ms!r}"
    # Int64 and whatever else a function may hand out in-process: numbers first, then what it calls itself.
    return f"n{int(value)}" if hasattr(value, "__index__") else "s" + cut_text(repr(value), characters_max)


def cell_text(cell: str) -> str:
    """What a reader without colours and alignment sees of a cell."""
    kind, text = cell[0], cell[1:]
    if kind == "z":
        return "null"
    if kind in "up":
        # Nobody can press a text.
        return ""
    if kind == "n" and len(text) > 12 and "." in text and "e" not in text:
        # Sixteen digits push every other column off the page.
        return repr(float(f"{float(text):.8g}"))
    return _time(text) if kind == "t" else text


def _time(milliseconds: str) -> str:
    # Imported here because a picture without times is the common one in terminals' first call.
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=float(milliseconds))
    except (OverflowError, ValueError):
        return milliseconds
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def is_numeric(cells: Sequence[str]) -> bool:
    """Whether the cells of a column are numbers, which stand at its right edge."""
    return {cell[0] for cell in cells} - {"z", "u"} == {"n"}


def json_of(value: Any, *, indent: int | None = None) -> str:
    """Any value as JSON to be read by people: what JSON has no form for stands as its text."""
    return json.dumps(value, ensure_ascii=False, default=_json_leaf, indent=indent)


def _json_leaf(value: Any) -> Any:
    if plain_moment(value) is not value:
        return str(value)
    return int(value) if hasattr(value, "__index__") else repr(value)


def cut_text(text: str, characters_max: int) -> str:
    """A text, or its beginning with its length."""
    if len(text) <= characters_max:
        return text
    return f"{text[:characters_max]}… ({len(text):,} characters)"
