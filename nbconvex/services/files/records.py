"""The documents in `_storage`: one a file.

Owns:  what such a document says, finding it by its id, and what is said about ids that lead to none.
Must not know: blobs, addresses, HTTP.
Invariant: `sha256` is the digest of the bytes, so two documents with the same one share a blob.
Threads: those of the transactions.
Source: wire-protocol 6; semantics 8.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.system_tables import STORAGE_TABLE, SYSTEM_TABLES
from nbconvex.errors import DocumentNotFoundError, ValueInvalidError
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import decode_id, encode_id

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot
    from nbconvex.database.transaction import Transaction

TABLE: Final = SYSTEM_TABLES[STORAGE_TABLE]
#: What may stand in a header, whole: printable ASCII. Longer ones than this are nobody's type.
_CONTENT_TYPE: Final = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What is known of one file.

    Shapes:  `internal` is 16 bytes, `digest` 32. Units: `created_ms` since 1970 UTC.
    """

    internal: bytes
    digest: bytes
    size: int
    content_type: str | None
    created_ms: float

    @property
    def file_id(self) -> str:
        """Its id in `_storage`."""
        return encode_id(STORAGE_TABLE, self.internal)

    @property
    def sha256(self) -> str:
        """The digest as base64."""
        return base64.b64encode(self.digest).decode()

    def metadata(self) -> dict[str, Any]:
        """What `get_metadata` gives."""
        return {
            "storageId": self.file_id,
            "sha256": self.sha256,
            "size": self.size,
            "contentType": self.content_type,
        }


def put(transaction: Transaction, digest: bytes, size: int, content_type: str | None) -> str:
    """Write a document for bytes that are durable; its id."""
    fields: dict[str, Any] = {"sha256": base64.b64encode(digest).decode(), "size": float(size)}
    if content_type is not None:
        fields["contentType"] = content_type
    return transaction.put_system(STORAGE_TABLE, fields)


def put_as(
    transaction: Transaction, internal: bytes, digest: bytes, size: int, content_type: str | None, created_ms: float
) -> None:
    """Write the document of a file that brings its id and its time along, in milliseconds since 1970."""
    fields: dict[str, Any] = {
        "_creationTime": created_ms, "sha256": base64.b64encode(digest).decode(), "size": float(size)
    }  # fmt: skip
    if content_type is not None:
        fields["contentType"] = content_type
    transaction.put_system(STORAGE_TABLE, fields, internal=internal)


def find(transaction: Transaction, file_id: Any, method: str) -> FileRecord | None:
    """The file of that id, or None where there is none (any more), which counts as read.

    Raises:  ValueInvalidError for what is no id of `_storage`.
    """
    internal_of(file_id, method, transaction.table_name)
    document = transaction.get(file_id)
    return None if document is None else _record(document)


def require(transaction: Transaction, file_id: Any, method: str, operation: str) -> FileRecord:
    """As `find`.

    Raises:  DocumentNotFoundError too.
    """
    found = find(transaction, file_id, method)
    if found is None:
        raise DocumentNotFoundError(operation, file_id)
    return found


def delete(transaction: Transaction, record: FileRecord) -> None:
    """Delete the document of a file that is there."""
    transaction.change_system(STORAGE_TABLE, record.internal, None)


def at(snapshot: Snapshot, internal: bytes) -> FileRecord | None:
    """The file of that internal id, as of a snapshot."""
    payload = snapshot.tables[STORAGE_TABLE].documents.get(encode_id(STORAGE_TABLE, internal).encode("ascii"))
    return None if payload is None else _record(decode_document(payload))


def every(snapshot: Snapshot) -> Iterator[FileRecord]:
    """All files, in the order of ids."""
    for _, payload in snapshot.tables[STORAGE_TABLE].rows():
        yield _record(decode_document(payload))


def internal_of(file_id: Any, method: str, name_of_table: Any) -> bytes:
    """The internal id in a file's id.

    Raises:  ValueInvalidError, which says what it is instead.
    """
    if not isinstance(file_id, str):
        raise ValueInvalidError(
            f"storage.{method}: a file's id is a string, got {type(file_id).__name__}",
            hint=f'ctx.storage.{method}(document["storageId"])' if isinstance(file_id, dict) else None,
        )
    try:
        number, internal = decode_id(file_id)
    except ValueInvalidError:
        raise ValueInvalidError(
            f"storage.{method}: {file_id[:80]!r} is no id of a file. Ids are what an upload answers as storageId, and "
            "what ctx.storage.store returns; neither addresses nor names are ids"
        ) from None
    if number != STORAGE_TABLE:
        table = name_of_table(number)
        what = f'a document in the table "{table}"' if table else "a document in no table of this store"
        raise ValueInvalidError(
            f"storage.{method}: {file_id} is the id of {what}, not of a file in {TABLE}",
            hint=f'ctx.storage.{method}(document["storageId"])',
        )
    return internal


def require_content_type(text: Any) -> str | None:
    """A content type that can be kept, and sent in a header.

    Raises:  ValueInvalidError.
    """
    if text is None:
        return None
    # White space around it is no part of a header's value.
    cleaned = text.strip() if isinstance(text, str) else ""
    if not _CONTENT_TYPE.fullmatch(cleaned):
        raise ValueInvalidError(
            f"a content type is a short text such as image/png, not {text!r:.80}", hint='content_type="image/png"'
        )
    return cleaned


def _record(document: dict[str, Any]) -> FileRecord:
    return FileRecord(
        decode_id(document["_id"])[1],
        base64.b64decode(document["sha256"]),
        int(document["size"]),
        document.get("contentType"),
        document["_creationTime"],
    )
