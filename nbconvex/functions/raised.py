"""What an error carries that a function of the user's has raised: the id of its request, and what was probably meant.

Owns:  the notes on such an error; the sentences for what Python itself says of a wrong use, without knowing ours.
Must not know: who is told. An error keeps its type and its message: a note only adds to them.
Invariant: costs nothing where nothing is raised.
Threads: any.
"""

from __future__ import annotations

import difflib
import re
from types import FrameType
from typing import TYPE_CHECKING, Any

from nbconvex.functions.logs import request_id
from nbconvex.functions.tracebacks import entries_of, is_users

if TYPE_CHECKING:
    from nbconvex.functions.run import Run

_KEYWORDS = re.compile(r"(Database|Table)Writer\.(insert|patch|replace)\(\) got (?:an unexpected|some positional-only)")
_FILTERED = re.compile(r"Query\.filter\(\) got an unexpected keyword argument '(\w+)'")
_LINES = {
    ("insert", "Database"): 'ctx.db.insert("table", {"field": value})',
    ("patch", "Database"): 'ctx.db.patch(id, {"field": value})',
    ("replace", "Database"): 'ctx.db.replace(id, {"field": value})',
    ("insert", "Table"): 'ctx.db.table("table").insert({"field": value})',
    ("patch", "Table"): 'ctx.db.table("table").patch(id, {"field": value})',
    ("replace", "Table"): 'ctx.db.table("table").replace(id, {"field": value})',
}
_MAY_FIND_NOTHING = frozenset({"get", "first", "unique"})


def mark(error: Exception, run: Run) -> None:
    """Put on an error, once, what was probably meant, and the request id that leads to the log."""
    if getattr(error, "request_id", None) is None:
        text = request_id(run.request)
        try:
            error.request_id = text  # type: ignore[attr-defined]
        except AttributeError:
            return
        meant = what_was_meant(error)
        if meant is not None:
            error.add_note(meant)
        error.add_note(f"[Request ID: {text}] {run.definition.name}")


def what_was_meant(error: Exception) -> str | None:
    """Why Python refuses what is usual elsewhere, and the line to write instead; None where nothing is known of it."""
    if type(error) is not AttributeError and type(error) is not TypeError:
        return None
    frame = _users_frame(error)
    if frame is None:
        return None
    found = _of_attribute(error) if isinstance(error, AttributeError) else _of_type(str(error))
    if found is None and "NoneType" in str(error):
        found = _of_nothing(frame)
    if found is None:
        return None
    why, line = found
    return f"{why}\n  Write instead:  {line}"


def _users_frame(error: Exception) -> FrameType | None:
    """Where the user's own code has raised it; None where a library or this package did."""
    last = None
    for last in entries_of(error.__traceback__):  # noqa: B007 - the last one is what is wanted
        pass
    return last.tb_frame if last is not None and is_users(last.tb_frame.f_code) else None


def _of_attribute(error: AttributeError) -> tuple[str, str] | None:
    document: Any = error.obj
    if type(document) is not dict or not (error.name in document or "_id" in document):
        return None
    close = difflib.get_close_matches(error.name or "", [each for each in document if isinstance(each, str)], 1)
    field = close[0] if close else error.name
    return "A document is a dict, and a field of it is an item.", f'document["{field}"]'


def _of_type(text: str) -> tuple[str, str] | None:
    found = _KEYWORDS.search(text)
    if found is not None:
        return "Fields come in one dict, not as keywords.", _LINES[found[2], found[1]]
    found = _FILTERED.search(text)
    if found is not None:
        return "A filter is a function that looks at a document.", (
            f'.filter(lambda document: document["{found[1]}"] == value)'
        )
    if text == "object of type 'Query' has no len()":
        return "A query has no documents before it is consumed.", ".count()   or   len(....collect())"
    if text == "'Query' object is not subscriptable":
        return "A query has no documents before it is consumed.", ".first()   or   .take(n), which is a list"
    return None


def _of_nothing(frame: FrameType) -> tuple[str, str] | None:
    names = frame.f_code.co_names
    if "db" not in names or _MAY_FIND_NOTHING.isdisjoint(names):
        return None
    return (
        "ctx.db.get, .first() and .unique() give None where there is no such document.",
        'if document is None: raise ConvexError("not found")',
    )
