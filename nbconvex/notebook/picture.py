"""What a value looks like on a page, before any page is made of it.

Owns:  `Picture`: columns, rows, cells and the numbers beside them, as a live table, a static table and a plain text
       table all need them; and its limits.
Must not know: HTML, IPython, widgets, where the value came from.
Invariants: a picture holds text only, so nothing of a value can become markup by accident. The rows stand in the
       order of the value. A cell is one string whose first character is its kind (`CELL_KINDS`).
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from nbconvex.values.cells import cell_of, cell_text, cut_text, is_numeric, json_of

#: Rows that a live table sends to the page: 1,000 rows of a small document are 70 KB, ten times a second at most.
ROWS_MAX: Final = 1_000
#: Columns of a picture. Wider tables cannot be read; the rest is counted in the note.
COLUMNS_MAX: Final = 60
#: Characters of a value that is not a table.
TEXT_CHARACTERS_MAX: Final = 100_000

Shape = Literal["table", "value"]

_PAGE_FIELDS = frozenset({"page", "isDone", "continueCursor"})


@dataclass(frozen=True, slots=True)
class Picture:
    """One value, cut to what a page can show.

    Shapes:  a table has `columns`, `keys` and `rows` (one cell a column); a value has `text`.
    """

    shape: Shape
    columns: tuple[str, ...] = ()
    numeric: tuple[bool, ...] = ()
    keys: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    total: int = 0
    note: str = ""
    text: str = ""

    def first(self, rows: int) -> Picture:
        """The same picture with at most so many rows."""
        return self if len(self.rows) <= rows else replace(self, keys=self.keys[:rows], rows=self.rows[:rows])

    def to_wire(self) -> dict[str, Any]:
        """The picture as the page's script reads it."""
        if self.shape == "value":
            return {"shape": "value", "text": self.text, "note": self.note}
        return {
            "shape": "table", "columns": self.columns, "numeric": self.numeric, "keys": self.keys, "rows": self.rows,
            "total": self.total, "note": self.note,
        }  # fmt: skip


def picture_of(value: Any, *, rows_max: int = ROWS_MAX, as_json: bool = False, first_row: int = 0) -> Picture:
    """The picture of any value that a function may return.

    A list of documents is a table with their fields as columns; any other list is a table with one column; one page
    of `paginate` is the table of its documents; a document is a table of two columns; all else is text. What is a
    picture already stays as it is.
    """
    if isinstance(value, Picture):
        return value
    if as_json:
        return Picture("value", text=cut_text(json_of(value, indent=2), TEXT_CHARACTERS_MAX))
    if isinstance(value, Mapping) and value.keys() >= _PAGE_FIELDS and isinstance(value["page"], list):
        end = "the last page" if value["isDone"] else "more pages follow"
        return _table(value["page"], rows_max=rows_max, first_row=first_row, note=f"one page of a result, {end}")
    if isinstance(value, Mapping):
        return _fields(value)
    if isinstance(value, (list, tuple)):
        return _table(value, rows_max=rows_max, first_row=first_row)
    cell = cell_of(value)
    text = value if isinstance(value, str) else cell_text(cell)
    return Picture("value", text=cut_text(text, TEXT_CHARACTERS_MAX))


def _table(items: Sequence[Any], *, rows_max: int, first_row: int, note: str = "") -> Picture:
    chosen = items[first_row : first_row + rows_max]
    documents = bool(chosen) and all(isinstance(item, Mapping) for item in chosen)
    columns = _columns(chosen) if documents else (["value"] if chosen else [])
    dropped = len(columns) - COLUMNS_MAX
    if dropped > 0:
        columns = columns[:COLUMNS_MAX]
        note = "; ".join(filter(None, [note, f"{dropped:,} more columns are not shown"]))
    rows = tuple(_row(item, columns) if documents else (cell_of(item),) for item in chosen)
    return Picture(
        "table",
        columns=tuple(columns),
        numeric=tuple(is_numeric([row[column] for row in rows]) for column in range(len(columns))),
        keys=_keys(chosen, first_row) if documents else tuple(str(first_row + at) for at in range(len(chosen))),
        rows=rows,
        total=len(items),
        note=note,
    )


def _fields(value: Mapping[str, Any]) -> Picture:
    rows = tuple((f"s{name}", cell_of(item, column=name)) for name, item in value.items())
    return Picture(
        "table", columns=("field", "value"), numeric=(False, False), keys=tuple(value), rows=rows, total=len(rows)
    )


def _columns(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Field names in the order in which they first appear, the id in front and the time of creation at the end."""
    names = dict.fromkeys(name for document in documents for name in document)
    middle = [name for name in names if name not in {"_id", "_creationTime"}]
    return ["_id"] * ("_id" in names) + middle + ["_creationTime"] * ("_creationTime" in names)


def _row(document: Mapping[str, Any], columns: list[str]) -> tuple[str, ...]:
    return tuple(cell_of(document[name], column=name) if name in document else "u" for name in columns)


def _keys(documents: Sequence[Mapping[str, Any]], first_row: int) -> tuple[str, ...]:
    """What tells one row from another across updates: the id where every row has its own, else the position."""
    ids = [document.get("_id") for document in documents]
    if all(isinstance(key, str) for key in ids) and len(set(ids)) == len(ids):
        return tuple(str(key) for key in ids)
    return tuple(str(first_row + at) for at in range(len(documents)))
