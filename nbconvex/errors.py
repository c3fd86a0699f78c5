"""Everything that can go wrong, as one tree.

Owns:  every exception class of the package, its stable code, its HTTP status, whether a retry may help.
Must not know: anything else in the package.

NbconvexError
├── CallerError                 the caller or the app's author must change something; never retried
│   ├── FunctionNotFoundError · ArgumentsInvalidError · ReturnInvalidError · ValueInvalidError
│   ├── DocumentInvalidError · DocumentNotFoundError · SchemaInvalidError · SchemaViolatedError
│   ├── UniqueViolatedError · ReferenceViolatedError
│   ├── MigrationFailedError    a document for which a migration raised; what is done stays
│   ├── IndexInvalidError · LimitExceededError · CursorInvalidError · SqlInvalidError
│   ├── VariableMissingError    also what a dict raises for a key that it has not
│   ├── NotAllowedError
│   │   └── NotAvailableError   for Python also a missing attribute
│   ├── FileRefusedError        a file that may not come in, or may not be had
│   ├── DataRefusedError        rows that may not come in
│   ├── RequestRefusedError     from the network, before any function ran
│   │   └── UnauthenticatedError
│   └── ConvexError             raised by user code; its data crosses the wire
├── TransientError              the same call may succeed later
│   ├── ConflictError · OverloadedError · KeysUnavailableError · HeadMovedError (internal)
├── StorageError                the world failed
│   ├── StorageLockedError · StorageFailedError · StorageCorruptError · StorageVersionError
│   └── StoragePathError
└── ProtocolError               the other side broke the sync protocol

A sentence says: which thing, what is wrong, what was expected, what to write instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class NbconvexError(Exception):
    """The root of everything that nbconvex raises on purpose.

    `code` is stable: tests, logs and the wire use it; the sentence may improve.
    """

    code: ClassVar[str] = "NbconvexError"
    http_status: ClassVar[int] = 500


class CallerError(NbconvexError):
    """Somebody has to change the call or the code. Repeating it will not help.

    `hint`, where there is one, is the line to write instead.
    """

    code: ClassVar[str] = "CallerError"
    http_status: ClassVar[int] = 400

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\n  Write instead:  {hint}")
        self.message = message
        self.hint = hint


class FunctionNotFoundError(CallerError):
    """No function of that name can be called from here."""

    code = "FunctionNotFound"
    http_status = 404

    def __init__(self, path: str, *, kind: str = "function", suggestion: str | None = None, detail: str = "") -> None:
        guess = f' Did you mean "{suggestion}"?' if suggestion else ""
        super().__init__(f"Could not find public {kind} for '{path}'.{guess}{detail}")
        self.path = path
        self.suggestion = suggestion


class ValueInvalidError(CallerError):
    """Something is not a value that can be stored or sent."""

    code = "ValueInvalid"

    def __init__(self, problem: str, *, path: str = "", hint: str | None = None) -> None:
        super().__init__(f"{problem} (at {path})" if path else problem, hint=hint)
        self.problem = problem
        self.path = path


class ArgumentsInvalidError(CallerError):
    """The arguments of a call do not match the function's validator. `report` has up to four lines (semantics 1.6)."""

    code = "ArgumentsInvalid"

    def __init__(self, function: str, report: str, *, path: str = "") -> None:
        where = f" in {function}" if function else ""
        super().__init__(f"ArgumentValidationError{where}: {report}")
        self.function = function
        self.report = report
        self.path = path


class ReturnInvalidError(CallerError):
    """The result of a function does not match its `returns` validator."""

    code = "ReturnInvalid"

    def __init__(self, function: str, report: str, *, path: str = "") -> None:
        where = f" in {function}" if function else ""
        super().__init__(f"ReturnsValidationError{where}: {report}")
        self.function = function
        self.report = report
        self.path = path


class DocumentInvalidError(CallerError):
    """A document does not match its table's validator; nothing was written."""

    code = "DocumentInvalid"

    def __init__(self, table: str, report: str, *, path: str = "") -> None:
        super().__init__(
            f'Failed to insert or update a document in table "{table}" because it does not match the schema: {report}'
        )
        self.table = table
        self.report = report
        self.path = path


class DocumentNotFoundError(CallerError):
    """A write was asked for on a document that does not exist. `operation` is Update, Replace or Delete."""

    code = "DocumentNotFound"
    http_status = 404

    def __init__(self, operation: str, document_id: str) -> None:
        super().__init__(f"{operation} on nonexistent document ID {document_id}.")
        self.operation = operation
        self.document_id = document_id


class UniqueViolatedError(CallerError):
    """A write would give two documents the same value in a unique index; nothing was written.

    `document_id` is that of the document which has it; `values` are the index's fields and what they were to be.
    """

    code = "UniqueViolated"

    def __init__(self, table: str, index: str, values: Mapping[str, Any], document_id: str, *, shown: str) -> None:
        names = ", ".join(f"{name}=..." if name.isidentifier() else f'**{{"{name}": ...}}' for name in values)
        super().__init__(
            f'Failed to write to table "{table}": the document with ID "{document_id}" has {shown} already, and index '
            f'"{index}" is unique. Look for such a document first, and patch it if there is one.',
            hint=f'ctx.db.query("{table}").with_index("{index}", {names}).unique()',
        )
        self.table = table
        self.index = index
        self.values = dict(values)
        self.document_id = document_id


class ReferenceViolatedError(CallerError):
    """A write would leave a document that refers to one which is not there; nothing was written.

    `table` and `field` are those of the reference, `document_id` is what it names. Where a deletion was refused,
    `referrer_id` is the first of `count` documents that refer to it.
    """

    code = "ReferenceViolated"

    def __init__(
        self, message: str, *, table: str, field: str, document_id: str, referrer_id: str | None = None, count: int = 0
    ) -> None:
        super().__init__(message)
        self.table = table
        self.field = field
        self.document_id = document_id
        self.referrer_id = referrer_id
        self.count = count


class SchemaInvalidError(CallerError):
    """A schema definition breaks a rule; it was not put in force."""

    code = "SchemaInvalid"


class SchemaViolatedError(CallerError):
    """Stored documents do not fit a new schema; the old one stays in force.

    `problems` holds one sentence a kind of mismatch, with a count and one sample id each; `schema` is the definition
    that was refused.
    """

    code = "SchemaViolated"

    def __init__(self, problems: Sequence[str], *, schema: Any = None) -> None:
        super().__init__("Schema validation failed; the old schema stays in force.\n" + "\n".join(problems))
        self.problems = tuple(problems)
        self.schema = schema


class MigrationFailedError(CallerError):
    """A migration raised for a document and stopped in front of it; what it did before stays.

    Its cause is what was raised. Units: `visited` and `total` are documents.
    """

    code = "MigrationFailed"

    def __init__(self, name: str, table: str, document_id: str, problem: str, *, visited: int, total: int) -> None:
        super().__init__(
            f"the migration {name} stopped at document {document_id} of {table}: {problem}\n"
            f"{visited:,} of {total:,} documents are done and stay so. Correct the function, or the document, and run "
            "it again: it goes on there."
        )
        self.name = name
        self.table = table
        self.document_id = document_id
        self.problem = problem
        self.visited = visited
        self.total = total


class VariableMissingError(CallerError, KeyError):
    """A function or plain code asks for a variable of the environment that is not set. `name` is None for all of them.

    Python asks mappings in its own way: `get` gives its default, `in` says no.
    """

    code = "VariableMissing"

    def __init__(self, path: str, name: str | None) -> None:
        where = f"{path}: " if path else ""
        if name is None:
            super().__init__(f"{where}variables are asked for one by one, by name.", hint='ctx.env["EMAIL_API_KEY"]')
        elif name in {"CONVEX_CLOUD_URL", "CONVEX_SITE_URL"}:
            super().__init__(
                f"{where}{name} is known only while the backend is served, and it is not.",
                hint="server = nbconvex.serve(backend)   or, in a notebook,   %convex serve",
            )
        else:
            super().__init__(
                f"{where}the environment variable {name} is not set.",
                hint=f"%convex env set {name}   which asks for its value; in a program backend.env.set({name!r}, ...)",
            )
        self.name = name

    # That of KeyError shows the sentence in quotes.
    __str__ = Exception.__str__


class IndexInvalidError(CallerError):
    """An index does not exist, is staged, or cannot answer the range that was asked."""

    code = "IndexInvalid"


class SqlInvalidError(CallerError):
    """A text is no SELECT over the tables of this backend, or does something that SQL may not do here."""

    code = "SqlInvalid"


class CursorInvalidError(CallerError):
    """A pagination cursor belongs to another query or is damaged.

    `data` is what clients look for to start again from the first page. Source: semantics 5.
    """

    code = "InvalidCursor"
    data: ClassVar[dict[str, Any]] = {"isConvexSystemError": True, "paginationError": "InvalidCursor"}

    def __init__(self, detail: str) -> None:
        super().__init__(f"InvalidCursor: {detail} Start again from the first page with cursor=None.")


class LimitExceededError(CallerError):
    """A limit of `nbconvex.limits` was reached; nothing was written."""

    code = "LimitExceeded"

    def __init__(
        self, limit: str, problem: str, *, maximum: float, actual: float | None = None, cure: str = ""
    ) -> None:
        number = f"{maximum:,}"
        super().__init__(f"{problem} (limit {limit}: {number}).{' ' + cure if cure else ''}")
        self.limit = limit
        self.maximum = maximum
        self.actual = actual


class NotAllowedError(CallerError):
    """This kind of function may not do that. The message teaches what to do instead."""

    code = "NotAllowed"
    http_status = 403


class NotAvailableError(NotAllowedError, AttributeError):
    """`ctx`, or a part of it, has no such member in this kind of function.

    Python asks for names in its own way: `hasattr` says no, and `getattr` gives its default.
    """

    code = "NotAvailable"


class FileRefusedError(CallerError):
    """A file was not stored, or not handed out. `reason` is the short code that clients are told."""

    code = "FileRefused"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DataRefusedError(CallerError):
    """What was to be imported is damaged, or does not fit; nothing was changed.

    `problems` holds one sentence a kind of problem, each with the row, line or entry where it was first found.
    """

    code = "DataRefused"

    def __init__(self, source: str, problems: Sequence[str], *, cure: str = "") -> None:
        lines = [f"{source} was not imported; nothing was changed.", *problems, *([cure] if cure else [])]
        super().__init__("\n".join(lines))
        self.source = source
        self.problems = tuple(problems)


class RequestRefusedError(CallerError):
    """A request from the network was refused before any function ran.

    `status` is its HTTP status, `reason` the short code that clients are told.
    """

    code = "RequestRefused"

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class UnauthenticatedError(RequestRefusedError):
    """A token or a key does not show who is calling."""

    code = "Unauthenticated"
    http_status = 401

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(401, reason, message)


class ConvexError(CallerError):
    """An application error that user code raises; `data` is any value and reaches the caller intact.

    Its message is the text itself, or the data as JSON. Source: semantics 1.8.
    """

    code = "ConvexError"

    def __init__(self, data: Any) -> None:
        super().__init__(data if isinstance(data, str) else json.dumps(data, default=repr, ensure_ascii=False))
        self.data = data


class TransientError(NbconvexError):
    """The same call may succeed later. The only class that a retry loop may catch."""

    code: ClassVar[str] = "TransientError"
    http_status: ClassVar[int] = 503


class ConflictError(TransientError):
    """A transaction read something that another commit changed meanwhile."""

    code = "Conflict"
    http_status = 409

    def __init__(
        self, table: str, *, document_id: str | None = None, writer: str = "", reader: str = "", tries: int = 1
    ) -> None:
        super().__init__(table, document_id, writer, reader, tries)
        self.table = table
        self.document_id = document_id
        self.writer = writer
        self.reader = reader
        self.tries = tries

    def __str__(self) -> str:
        reader = self.reader or "this transaction"
        writer = self.writer or "another transaction"
        document = f" (document {self.document_id})" if self.document_id else ""
        again = f" and on each of {self.tries - 1} retries" if self.tries > 1 else ""
        return (
            f'Documents read from or written to table "{self.table}"{document} were changed by {writer} '
            f"while {reader} ran{again}. Read less, through a narrower index range, or call it again."
        )


class KeysUnavailableError(TransientError):
    """The public keys of an issuer of tokens cannot be had: it is unreachable, or what it answers is no key set."""

    code = "KeysUnavailable"

    def __init__(self, issuer: str, problem: str, *, is_discovery: bool = False) -> None:
        super().__init__(f"{issuer}: {problem}")
        self.issuer = issuer
        self.problem = problem
        self.is_discovery = is_discovery


class OverloadedError(TransientError):
    """More work is waiting than the limits allow."""

    code = "Overloaded"


class HeadMovedError(TransientError):
    """Somebody else appended to the log; internal to the commit path. `head` is the log's newest timestamp."""

    code = "HeadMoved"

    def __init__(self, head: int) -> None:
        super().__init__(f"the log's head has moved to {head}")
        self.head = head


class StorageError(NbconvexError):
    """The world failed: a disk, a file, another process."""

    code: ClassVar[str] = "StorageError"


class StorageLockedError(StorageError):
    """The database file is open already: in another process, or a second time in this one."""

    code = "StorageLocked"

    def __init__(self, path: str, *, holder: str, is_own_process: bool = False) -> None:
        other = 'open another file here: %convex open other.duckdb, --database, or nbconvex.open("other.duckdb").'
        if is_own_process:
            where, cure = "already open in this process", "Use that backend, close it with backend.close(), or"
        else:
            where, cure = (
                "open in another process",
                "Shut that kernel down (Kernel > Shut Down), or stop that program, or",
            )
        super().__init__(f"{path} is {where} ({holder}). {cure} {other}")
        self.path = path
        self.holder = holder


class StorageFailedError(StorageError):
    """An append failed and its outcome is unknown; the database refuses work until it is opened again."""

    code = "StorageFailed"


class StorageCorruptError(StorageError):
    """A file's content is not what was written. The message names the file and the place."""

    code = "StorageCorrupt"


class StorageVersionError(StorageError):
    """A file was written by a newer nbconvex or by another program."""

    code = "StorageVersion"


class StoragePathError(StorageError):
    """A path cannot hold a database: no such folder, a folder instead of a file, no right to write. Choose another."""

    code = "StoragePath"


class ProtocolError(NbconvexError):
    """The other side of a socket broke the sync protocol; it is told, and the socket is closed."""

    code = "ProtocolError"
    http_status = 400
