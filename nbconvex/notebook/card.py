"""Small answers: objects that a cell displays, with an HTML and a plain form.

Owns:  `Card`, `Listing`, `Lines`, `Verdict`, `Code`, `Result`.
Must not know: IPython, backends, where the facts come from.
Invariant: the plain form says everything that the HTML form says.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nbconvex.notebook.html import code_html, grid_html, lines_html, pairs_html, picture_html, verdict_html
from nbconvex.notebook.picture import Picture, picture_of
from nbconvex.notebook.plain import grid_text, table_text


@dataclass(frozen=True)
class Card:
    """A title, a few labelled facts, a note.

    Shapes:  `links` are the labels of addresses that can be opened, `code` those of what can be copied.
    """

    title: str
    pairs: Sequence[tuple[str, str]]
    note: str = ""
    links: Sequence[str] = ()
    code: Sequence[str] = ()

    def _repr_html_(self) -> str:
        return pairs_html(self.title, self.pairs, note=self.note, links=self.links, code=self.code)

    def __repr__(self) -> str:
        width = max((len(label) for label, _ in self.pairs), default=0)
        lines = [self.title, *(f"  {label.ljust(width)}  {text}" for label, text in self.pairs)]
        return "\n".join([*lines, *([f"  {self.note}"] if self.note else [])])


@dataclass(frozen=True)
class Listing:
    """Texts in rows and columns under a title, or a sentence where there are no rows; `code` names columns of code."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = ""
    numeric: Sequence[bool] = field(default=())
    code: Sequence[str] = field(default=())

    def _repr_html_(self) -> str:
        if not self.rows:
            return lines_html([("", self.empty)])
        return grid_html(self.title, self.columns, self.rows, numeric=self.numeric, code=self.code)

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        return f"{self.title}\n{grid_text(self.columns, self.rows, numeric=self.numeric)}"


@dataclass(frozen=True)
class Lines:
    """A few short lines, each with a mark in front of it."""

    lines: Sequence[tuple[str, str]]

    def _repr_html_(self) -> str:
        return lines_html(self.lines)

    def __repr__(self) -> str:
        return "\n".join(f"{mark} {text}" if mark else text for mark, text in self.lines)


@dataclass(frozen=True)
class Verdict:
    """What came of a trial: whether it is good, in a word, why, and what to do next."""

    title: str
    text: str
    is_good: bool
    note: str = ""

    @property
    def mark(self) -> str:
        """What stands in front of its title."""
        return "✓" if self.is_good else "✗"

    def _repr_html_(self) -> str:
        return verdict_html(self.mark, self.title, self.text, note=self.note, is_good=self.is_good)

    def __repr__(self) -> str:
        first = f"{self.mark} {self.title}. {self.text}".rstrip()
        return f"{first}\n{self.note}" if self.note else first


@dataclass(frozen=True)
class Code:
    """A piece of code to copy."""

    text: str

    def _repr_html_(self) -> str:
        return code_html(self.text)

    def __repr__(self) -> str:
        return self.text


class Result:
    """A value that a function returned, shown as a table with pages; `value` is the value itself.

    `picture`, where there is one, is what to show of it.
    """

    def __init__(
        self,
        value: Any,
        *,
        title: str,
        status: str = "",
        as_json: bool = False,
        first_row: int = 0,
        picture: Picture | None = None,
    ) -> None:
        self._shown = picture
        self.value = value
        self._title = title
        self._status = status
        self._as_json = as_json
        self._first_row = first_row

    def _picture(self) -> Picture:
        return self._shown or picture_of(self.value, as_json=self._as_json, first_row=self._first_row)

    def _repr_html_(self) -> str:
        return picture_html(self._picture(), title=self._title, status=self._status)

    def __repr__(self) -> str:
        text = table_text(self._picture(), title=self._title)
        return f"{text}\n({self._status})" if self._status else text
