"""The panel Files: what is stored, downloading it, deleting it.

Owns:  `FilesPanel`: the list, the addresses in it, which documents mention a file, deleting.
Must not know: pages; where bytes lie; how a server is started, which looking never does.
Units:  sizes in bytes, times in milliseconds since 1970 UTC.
Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from nbconvex.dashboard.asked import count_in, flag_in, refuse_action, required_text_in, text_in

if TYPE_CHECKING:
    from nbconvex.backend import Backend
    from nbconvex.services.files.records import FileRecord

#: Files in a list: unless told otherwise, and at most.
FILES_SHOWN: Final = 100
FILES_SHOWN_MAX: Final = 500
#: Documents that are named which mention a file.
MENTIONS_MAX: Final = 5
_ACTIONS: Final = ("mentions", "delete")

#: Where a browser finds the API, without a slash at the end; None while nothing is served.
Address = Callable[[], str | None]


class FilesPanel:
    """The files of a store, as a dashboard shows them."""

    name = "files"
    title = "Files"
    follows_calls = False

    def __init__(self, backend: Backend, *, address: Address = lambda: None) -> None:
        """`address` must start nothing."""
        self._backend = backend
        self._address = address

    def view(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The files, newest first, whose id, type or hash has the text `find` in it; with `orphans`, only those that
        stand in no document.

        Raises:  CallerError for a request that makes no sense.
        """
        files = self._backend.files
        find = text_in(request, "find").casefold().strip()
        limit = count_in(request, "limit", FILES_SHOWN, most=FILES_SHOWN_MAX)
        all_files = files.records()
        chosen = all_files
        if flag_in(request, "orphans"):
            chosen = sorted(files.orphans(), key=lambda each: -each.created_ms)
        found = [each for each in chosen if find in _searched(each)]
        address = self._address()
        return {
            "files": [self._file(each, address) for each in found[:limit]],
            "found": len(found),
            "total": len(all_files),
            "bytes": files.size_bytes(),
            "served": address is not None,
        }

    def _file(self, record: FileRecord, address: str | None) -> dict[str, Any]:
        url = None if address is None else f"{address}/api/storage/{self._backend.files.tickets.name(record.internal)}"
        return {
            "id": record.file_id,
            "size": record.size,
            "type": record.content_type or "",
            "at": record.created_ms,
            "sha256": record.digest.hex(),
            "url": url,
        }

    def act(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """`mentions`: which documents have the file `id` in them; `delete` it.

        Raises:  CallerError; ValueInvalidError, DocumentNotFoundError for what is no file's id.
        """
        if action not in _ACTIONS:
            refuse_action(self.title, action, _ACTIONS)
        file_id = required_text_in(arguments, "id", "which file?")
        if action == "delete":
            self._backend.files.delete(file_id)
            return {"said": f"Deleted: {file_id}."}
        found = self._backend.files.mentioning(file_id, MENTIONS_MAX + 1)
        named = [{"table": table, "id": document} for table, document in found[:MENTIONS_MAX]]
        return {"documents": named, "more": len(found) > MENTIONS_MAX}


def _searched(record: FileRecord) -> str:
    return f"{record.file_id} {record.content_type or ''} {record.digest.hex()}".casefold()
