"""From stored bytes to the documents that a query gives: what is decoded, what becomes of it, and which fields matter.

Owns:  `Reading`, `reading_of`, `finish_of`, `seen_by_python`.
Must not know: indexes, read sets, in which order documents come.
Invariants: filter expressions see documents as they are stored, with numbers in the place of times; Python functions
and whoever asked see them as Python has them. Where it is not known which fields decided, all of them have.
Threads: pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nbconvex.database.filters import Filter
from nbconvex.database.selection import Selection
from nbconvex.values.codec import decode_document
from nbconvex.values.times import Times

Document = dict[str, Any]
Finish = Callable[[Document], Document] | None


class Reading(NamedTuple):
    """How one query's documents are read.

    Fields:  `decode` gives what the filters look at, `finish` turns what they pass into what comes out; `fields` are
             the paths that matter, None for all.
    """

    decode: Callable[[bytes], Document]
    finish: Finish
    fields: frozenset[str] | None


_WHOLE = Reading(decode_document, None, None)


def reading_of(selection: Selection | None, times: Times | None, filters: Sequence[Filter]) -> Reading:
    """How documents are read with this selection, these times and these filters."""
    if selection is None:
        return _WHOLE if times is None else Reading(decode_document, times.to_python, None)
    # Where times are told from numbers by the rest of the document, all of it has been looked at.
    fields = None if times is not None and times.is_by_shape else selection.paths
    for each in filters:
        fields = None if fields is None or each.fields is None else fields | each.fields
    if fields is None:
        return Reading(decode_document, finish_of(selection, times), None)
    decode, has_more = selection.decoder(fields)
    return Reading(decode, finish_of(selection if has_more else None, times), fields)


def finish_of(selection: Selection | None, times: Times | None) -> Finish:
    """What turns a stored document into one with times, and then selects; None where neither is asked for."""
    if times is None:
        return None if selection is None else selection.of
    if selection is None:
        return times.to_python
    return lambda document: selection.of(times.to_python(document))


def seen_by_python(found: Filter, selection: Selection | None, times: Times | None) -> Filter:
    """The same filter, for stored documents: a Python function in it sees what is selected, with times in it."""
    finish = finish_of(selection, times)
    if found.fields is not None or finish is None:
        return found
    holds = found.holds
    return Filter(
        lambda document: holds(finish(document)), found.source, None if selection is None else selection.paths
    )
