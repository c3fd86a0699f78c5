"""Pictures as plain text, for terminals, saved notebooks and screen readers without HTML.

Owns:  `table_text` and `grid_text`: columns that line up, cut to a width that a terminal has.
Must not know: IPython, widgets, HTML.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nbconvex.notebook.picture import Picture
from nbconvex.values.cells import cell_text

#: Rows of a table in plain text; what comes after is counted.
PLAIN_ROWS_MAX: Final = 20
#: Characters of one column in plain text.
PLAIN_COLUMN_MAX: Final = 36


def table_text(picture: Picture, *, title: str = "", rows_max: int = PLAIN_ROWS_MAX) -> str:
    """A picture as lines of text, the title first."""
    head = [title] if title else []
    if picture.shape == "value":
        return "\n".join([*head, picture.text])
    if not picture.rows:
        return "\n".join([*head, "(no rows)"])
    shown = picture.rows[:rows_max]
    body = grid_text(picture.columns, [[cell_text(cell) for cell in row] for row in shown], numeric=picture.numeric)
    return "\n".join([*head, body, *footnotes(picture, len(shown))])


def footnotes(picture: Picture, shown: int) -> list[str]:
    """What is to be said under a table: how much of it is shown, and its note."""
    lines = [f"({shown:,} of {picture.total:,} rows)"] if shown < picture.total else []
    return lines + ([f"({picture.note})"] if picture.note else [])


def grid_text(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Sequence[bool] = ()) -> str:
    """Rows under their headings, numbers to the right."""
    cells = [[_one_line(text) for text in row] for row in rows]
    widths = [max(len(column), *(len(row[at]) for row in cells), 1) for at, column in enumerate(columns)]
    right = [*numeric, *[False] * (len(columns) - len(numeric))]
    lines = [columns, ["-" * width for width in widths], *cells]
    return "\n".join(_line(line, widths, right) for line in lines)


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        text.rjust(width) if to_right else text.ljust(width)
        for text, width, to_right in zip(texts, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip()


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= PLAIN_COLUMN_MAX else line[: PLAIN_COLUMN_MAX - 1] + "…"
