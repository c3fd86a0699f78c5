"""Pictures and lists as static HTML: what is saved in a notebook and shown where no script runs.

Owns:  every piece of markup that is written in Python.
Must not know: IPython, widgets, backends.
Invariants: every text goes through `escaped`. No script, no style sheet, nothing that is loaded: inline style only,
       because untrusted notebooks are sanitised and viewers have no network. What is an address to click on, the caller
       says; a text of somebody's data never becomes one. No colour is set for text or ground, so that dark
       and light themes both keep theirs; lines and grounds are half-transparent greys. Nothing is said by colour alone.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from html import escape
from typing import Final

from nbconvex.notebook.picture import Picture
from nbconvex.values.cells import cell_text

#: Rows of a static table that stand open; what follows is folded, a page at a time.
PAGE_ROWS: Final = 100

#: Between a cell's text and its edge; titles and notes stand as far in as the text does.
_SIDE = "10px"
_LINE = "1px solid rgba(128,128,128,.3)"
_CELL = f"padding:3px {_SIDE};border:0;border-bottom:{_LINE};vertical-align:top;max-width:32em;overflow-wrap:break-word"
_HEAD = f"padding:4px {_SIDE};border:0;border-bottom:2px solid rgba(128,128,128,.45);font-weight:600;white-space:nowrap"
_TABLE = "border-collapse:collapse;border:0;margin:0;font-size:13px;font-variant-numeric:tabular-nums"
_CAPTION = f"caption-side:top;text-align:left;padding:2px {_SIDE} 6px;font-size:13px;color:inherit"
_QUIET = "opacity:.7"
_NOTE = f"{_QUIET};font-size:12px;padding:4px {_SIDE} 0"
_GOOD = "#2e8b57"
_BAD = "#c0392b"
_PROBLEM = (
    f"border:{_LINE};border-left:4px solid {_BAD};border-radius:3px;padding:4px 10px;margin:0 0 6px;font-size:13px"
)
# Lines that are too long go on behind their mark, not below it.
_HANGING = "padding-left:1.3em"
_MARK = "display:inline-block;width:1.3em;margin-left:-1.3em"
_MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12px"

# The whole id is there to be copied; its beginning is enough to be told from others.
_SHORT = (
    "display:inline-block;max-width:11ch;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;vertical-align:top"
)


def escaped(text: object) -> str:
    """Text that is safe between tags and inside a quoted attribute."""
    # Control characters other than white space would end the parsing of strict readers.
    cleaned = "".join(mark if mark >= " " or mark in "\n\t" else "\N{REPLACEMENT CHARACTER}" for mark in str(text))
    return escape(cleaned, quote=True)


def bar_html(title: str, share: float, text: str) -> str:
    """A bar that is filled to a share, from 0 to 1, with its title and what it says in words."""
    ground = "height:8px;border-radius:4px;background:rgba(128,128,128,.25);overflow:hidden;max-width:480px"
    filled = f"height:8px;width:{share:.1%};background:rgba(128,128,128,.8)"
    said = f"<b>{escaped(title)}</b> {int(share * 100)}% · {escaped(text)}"
    bar = f'<div style="{ground}"><div style="{filled}"></div></div>'
    return f'<div style="font-size:13px;padding:2px {_SIDE} 6px">{said}{bar}</div>'


def picture_html(picture: Picture, *, title: str = "", status: str = "", problem: str = "") -> str:
    """A whole static view: a table or a text with its title, a line of status, and the problem if there is one."""
    parts = [f'<div style="{_NOTE}">{escaped(status)}</div>'] if status else []
    warning = f'<div role="note" style="{_PROBLEM}">⚠ {escaped(problem)}</div>' if problem else ""
    if picture.shape == "value":
        heading = f'<div style="font-size:13px;padding:2px {_SIDE} 6px"><b>{escaped(title)}</b></div>' if title else ""
        shown = f"margin:0;padding:0 {_SIDE};white-space:pre-wrap;{_MONO}"
        body = f'{heading}<pre style="{shown}">{escaped(picture.text)}</pre>'
    else:
        body = _pages(picture, title)
    notes = [note for note in (_shown(picture), picture.note) if note]
    below = f'<div style="{_NOTE}">{escaped("; ".join(notes))}</div>' if notes else ""
    return f'<div style="max-width:100%;overflow-x:auto">{warning}{body}{below}{"".join(parts)}</div>'


def chart_html(
    src: str, *, title: str, said: str, note: str = "", status: str = "", problem: str = "", table: str = ""
) -> str:
    """A drawn chart as a picture: what it is called, what it shows in words, and its rows, folded."""
    warning = f'<div role="note" style="{_PROBLEM}">⚠ {escaped(problem)}</div>' if problem else ""
    heading = f'<figcaption style="font-size:13px;padding:2px {_SIDE} 6px"><b>{escaped(title)}</b></figcaption>'
    image = f'<img src="{escaped(src)}" alt="{escaped(said)}" style="max-width:100%;height:auto;padding:0 {_SIDE}">'
    lines = "".join(f'<div style="{_NOTE}">{escaped(text)}</div>' for text in (note, status) if text)
    rows = (
        f'<details><summary style="cursor:pointer;font-size:12px;padding:4px {_SIDE}">rows</summary>{table}</details>'
        if table
        else ""
    )
    return f'<figure style="margin:0;max-width:100%">{warning}{heading}{image}{lines}{rows}</figure>'


def grid_html(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numeric: Sequence[bool] = (),
    code: Container[str] = (),
) -> str:
    """A small table of texts under a caption; those in the columns `code` keep their lines."""
    right = [*numeric, *[False] * (len(columns) - len(numeric))]
    mono = f'<div style="{_MONO};white-space:pre-wrap">'
    # Lines of code are longer than sentences should be.
    shown = (
        "".join(
            _td(f"{mono}{escaped(text)}</div>" if column in code else escaped(text), to_right, is_wide=column in code)
            for column, text, to_right in zip(columns, row, right, strict=True)
        )
        for row in rows
    )
    lines = (f"<tr>{row}</tr>" for row in shown)
    return _table(title, columns, right, "".join(lines))


def pairs_html(
    title: str,
    pairs: Iterable[tuple[str, str]],
    *,
    note: str = "",
    links: Container[str] = (),
    code: Container[str] = (),
) -> str:
    """Labels and what they stand for, as a small card.

    Shapes:  `links` are the labels whose texts are addresses to open, `code` those whose texts are to be copied.
    """

    def value(label: str, text: str) -> str:
        if label in links and text.startswith(("http://", "https://")):
            return f'<a href="{escaped(text)}" target="_blank" rel="noopener noreferrer">{escaped(text)}</a>'
        return (
            f'<span style="{_MONO};overflow-wrap:anywhere">{escaped(text)}</span>' if label in code else escaped(text)
        )

    cell = f"{_CELL};border-bottom:0;text-align:left;max-width:44em"
    head = f"{_HEAD};border-bottom:0;text-align:left;vertical-align:top;font-weight:400;{_QUIET}"
    lines = "".join(
        f'<tr><th scope="row" style="{head}">{escaped(label)}</th><td style="{cell}">{value(label, text)}</td></tr>'
        for label, text in pairs
    )
    below = f'<div style="{_QUIET};font-size:12px;padding-top:4px">{escaped(note)}</div>' if note else ""
    return (
        f'<div style="border:{_LINE};border-left:4px solid rgba(128,128,128,.6);border-radius:4px;padding:8px 12px;'
        f'display:inline-block;max-width:100%"><div style="font-weight:600;font-size:13px">{escaped(title)}</div>'
        f'<table style="{_TABLE}"><tbody>{lines}</tbody></table>{below}</div>'
    )


def lines_html(lines: Sequence[tuple[str, str]]) -> str:
    """A few lines, each with a mark in front: what a defining cell shows."""
    body = "".join(
        f'<div style="{_HANGING}"><span aria-hidden="true" style="{_MARK}">{escaped(mark)}</span>{escaped(text)}</div>'
        for mark, text in lines
    )
    return f'<div style="font-size:13px;line-height:1.6;padding:2px {_SIDE}">{body}</div>'


def verdict_html(mark: str, title: str, text: str, *, note: str = "", is_good: bool) -> str:
    """What came of something that was tried: the edge has its colour, the mark and the title say it too."""
    edge = _GOOD if is_good else _BAD
    why = (
        f'<div style="white-space:pre-wrap;overflow-wrap:anywhere;padding-top:2px">{escaped(text)}</div>'
        if text
        else ""
    )
    below = f'<div style="{_QUIET};font-size:12px;padding-top:4px">{escaped(note)}</div>' if note else ""
    return (
        f'<div style="border:{_LINE};border-left:4px solid {edge};border-radius:4px;padding:8px 12px;margin:2px 0 6px;'
        f'font-size:13px;line-height:1.5;width:fit-content;max-width:min(52em, 100%)"><div style="font-weight:600">'
        f'<span aria-hidden="true" style="display:inline-block;width:1.3em">{escaped(mark)}</span>'
        f"{escaped(title)}</div>{why}{below}</div>"
    )


def checks_html(title: str, lines: Sequence[tuple[str, str, str, Sequence[tuple[str, str]]]], *, note: str = "") -> str:
    """A list of checks: a mark, what was checked, what was found, and below that each fault with its cure."""
    parts = []
    for mark, name, found, details in lines:
        faults = "".join(
            f'<li style="margin:2px 0 6px">{escaped(problem)}'
            + (f'<div style="{_MONO};padding-top:2px;white-space:pre-wrap">{escaped(cure)}</div>' if cure else "")
            + "</li>"
            for problem, cure in details
        )
        below = f'<ul style="margin:2px 0 4px;padding-left:2.6em">{faults}</ul>' if faults else ""
        parts.append(
            f'<div style="{_HANGING}"><span style="{_MARK};font-weight:600">{escaped(mark)}</span>'
            f'{escaped(name)} <span style="{_QUIET}">{escaped(found)}</span></div>{below}'
        )
    heading = f'<div style="font-weight:600;font-size:13px;padding-bottom:4px">{escaped(title)}</div>' if title else ""
    below = f'<div style="{_QUIET};font-size:12px;padding-top:4px">{escaped(note)}</div>' if note else ""
    style = f"font-size:13px;line-height:1.6;max-width:100%;padding:2px {_SIDE}"
    return f'<div style="{style}">{heading}{"".join(parts)}{below}</div>'


def code_html(text: str) -> str:
    """A piece of code, as it stands."""
    return (
        f'<pre style="margin:0 0 6px;padding:6px {_SIDE};border:{_LINE};{_MONO};overflow-x:auto">{escaped(text)}</pre>'
    )


def _pages(picture: Picture, title: str) -> str:
    """The first rows open, the following ones folded: pages without a script."""
    if not picture.rows:
        heading = f"<b>{escaped(title)}</b> " if title else ""
        return f'<div style="font-size:13px;padding:2px {_SIDE}">{heading}<span style="{_QUIET}">no rows</span></div>'
    rows = [_row(picture, row) for row in picture.rows]
    first = _table(title, picture.columns, picture.numeric, "".join(rows[:PAGE_ROWS]))
    folded = "".join(
        f'<details><summary style="cursor:pointer;font-size:12px;padding:4px {_SIDE}">rows {at + 1:,} to '
        f"{min(at + PAGE_ROWS, len(rows)):,}</summary>"
        f"{_table('', picture.columns, picture.numeric, ''.join(rows[at : at + PAGE_ROWS]))}</details>"
        for at in range(PAGE_ROWS, len(rows), PAGE_ROWS)
    )
    return f'<div style="max-height:30em;overflow:auto" tabindex="0">{first}{folded}</div>'


def _table(title: str, columns: Sequence[str], numeric: Sequence[bool], body: str) -> str:
    caption = f'<caption style="{_CAPTION}"><b>{escaped(title)}</b></caption>' if title else ""
    heads = "".join(
        f'<th scope="col" style="{_HEAD};text-align:{"right" if right else "left"}">{escaped(column)}</th>'
        for column, right in zip(columns, numeric, strict=True)
    )
    return f'<table style="{_TABLE}">{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'


def _row(picture: Picture, row: Sequence[str]) -> str:
    return "<tr>" + "".join(_cell(cell, right) for cell, right in zip(row, picture.numeric, strict=True)) + "</tr>"


def _cell(cell: str, right: bool) -> str:  # noqa: FBT001
    kind, text = cell[0], escaped(cell_text(cell))
    if kind == "z":
        return _td(f'<i style="{_QUIET}">null</i>', right)
    if kind == "u":
        return _td(f'<span style="{_QUIET}" title="this document has no such field">–</span>', right)
    if kind == "i":
        return _td(f'<span style="{_MONO};{_SHORT}" title="{text}">{text}</span>', right)
    if kind == "x":
        # Not by colour alone: the text is the error.
        return _td(f'<b style="font-weight:600">{text}</b>', right)
    if kind in "jy":
        return _td(f'<span style="{_MONO}">{text}</span>', right)
    return _td(f'<span style="white-space:nowrap">{text}</span>' if kind in "nt" else text, right)


def _td(content: str, right: bool, *, is_wide: bool = False) -> str:  # noqa: FBT001
    width = ";max-width:56em" if is_wide else ""
    return f'<td style="{_CELL};text-align:{"right" if right else "left"}{width}">{content}</td>'


def _shown(picture: Picture) -> str:
    if picture.shape == "table" and len(picture.rows) < picture.total:
        return f"showing {len(picture.rows):,} of {picture.total:,} rows"
    return ""
