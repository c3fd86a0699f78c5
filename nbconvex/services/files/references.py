"""Which documents mention which files, and why an address leads nowhere.

Owns:  `unmentioned`, `mentioning`, `explain`.
Must not know: blobs, HTTP.
Threads: pure, over snapshots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import FIRST_USER_TABLE, STORAGE_TABLE
from nbconvex.errors import ValueInvalidError
from nbconvex.services.files import records
from nbconvex.services.files.records import FileRecord
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import decode_id

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.services.files.tickets import Tickets

_ADDRESS: Final = re.compile(r".*/api/storage/([^/?#]+)(\?.*)?", re.DOTALL)


def unmentioned(snapshot: Snapshot) -> list[FileRecord]:
    """Files whose ids stand in no document, the oldest first."""
    orphans = {each.file_id: each for each in records.every(snapshot)}
    for number, table in snapshot.tables.items():
        if number < FIRST_USER_TABLE or not orphans:
            continue
        for _, payload in table.rows():
            for text in _texts(decode_document(payload)):
                orphans.pop(text, None)
    return sorted(orphans.values(), key=lambda each: each.created_ms)


def mentioning(snapshot: Snapshot, file_id: str, most: int) -> list[tuple[str, str]]:
    """The first documents in which a file's id stands: table and id of each, `most` at most."""
    needle = file_id.encode()
    found: list[tuple[str, str]] = []
    for number, table in snapshot.tables.items():
        if number < FIRST_USER_TABLE:
            continue
        for _, payload in table.rows():
            # A text is stored as its bytes: most documents need not be decoded.
            if needle in payload and file_id in _texts(document := decode_document(payload)):
                found.append((table.name, document["_id"]))
                if len(found) >= most:
                    return found
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def explain(snapshot: Snapshot, tickets: Tickets, text: str) -> str:
    """What an id or an address of a file is, in a sentence: most of all, why it leads nowhere."""
    text = text.strip()
    if "/" in text:
        return _explain_address(snapshot, tickets, text)
    try:
        number, internal = decode_id(text)
    except ValueInvalidError as error:
        return (
            f"{text!r} is malformed: it is no id at all ({error.problem}). Ids are what an upload answers as storageId."
        )
    if number != STORAGE_TABLE:
        table = snapshot.table_name(number)
        what = f'a document in the table "{table}"' if table else "a document in no table of this store"
        return f"{text} is foreign: it is the id of {what}. A file's id leads to {records.TABLE}."
    found = records.at(snapshot, internal)
    if found is None:
        return f"{text} was an id of a file here or in another store; there is no such file now: it was deleted."
    return f"{text} is a file: {found.size:,} bytes, {found.content_type or 'no content type'}."


def _explain_address(snapshot: Snapshot, tickets: Tickets, address: str) -> str:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return f"{address} was put together by hand: files have no such addresses. Ask ctx.storage.get_url(id) for one."
    name = found[1]
    internal = tickets.limited_internal(name) if found[2] else tickets.internal(name)
    if internal is None:
        return (
            f"{address} was put together by hand: what stands behind /api/storage/ is not a file's id. "
            "Ask ctx.storage.get_url(id) for an address."
        )
    if records.at(snapshot, internal) is None:
        return f"{address} leads to no file: it was deleted, or the address is another store's."
    return f"{address} leads to a file."
