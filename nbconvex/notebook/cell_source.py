"""The text of a magic cell as code whose lines are the cell's lines.

Owns:  `CellSource`: the whole cell, its body moved down to where it stands in the cell, the file name under which
       tracebacks, `inspect` and the debugger find it; `cell_origin`, what tells one cell from another.
Must not know: what the code defines.
Invariant: line 5 of the cell is line 5 of the code.
Threads: the kernel's main thread.
Source: behaviour of IPython 7.34 to 9: tracebacks find a cell's text in `linecache` under a name that the shell's
compiler makes, and its number in a map beside it.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CellSource:
    """One magic cell.

    Shapes:  `padded` is the body after as many line ends as there are lines above it in the cell.
    """

    whole: str
    padded: str
    filename: str
    number: int

    @classmethod
    def of(cls, shell: Any, magic: str, line: str, body: str) -> CellSource:
        """The cell that is running, entered where tracebacks look for it."""
        whole = _running_cell(shell)
        if whole is None or body.rstrip() not in whole:
            whole = f"%%{magic} {line}".rstrip() + "\n" + body
        above = whole[: whole.rindex(body.rstrip())].count("\n") if body.strip() else 1
        padded = "\n" * above + body
        # Not `execution_count`: IPython 9 has counted up before a cell runs.
        number = max(len(shell.user_ns.get("In", ())) - 1, 0)
        filename = shell.compile.cache(padded, number, raw_code=whole)
        # The compiler kept the padded text; people want to see the magic's line too.
        linecache.cache[filename] = (len(whole), None, [each + "\n" for each in whole.splitlines()], filename)
        return cls(whole, padded, filename, number)


def cell_origin(shell: Any) -> str | None:
    """What tells the running cell from others, across runs; None where the front end does not say."""
    parent = _parent(shell)
    cell_id = parent.get("metadata", {}).get("cellId")
    return cell_id if isinstance(cell_id, str) and cell_id else None


def _running_cell(shell: Any) -> str | None:
    code = _parent(shell).get("content", {}).get("code")
    if isinstance(code, str):
        return code
    # A terminal sends no messages, but keeps what was typed.
    history = getattr(getattr(shell, "history_manager", None), "input_hist_raw", None)
    return str(history[-1]) if history else None


def _parent(shell: Any) -> dict[str, Any]:
    get_parent = getattr(shell, "get_parent", None)
    parent = get_parent() if callable(get_parent) else None
    return parent if isinstance(parent, dict) else {}
