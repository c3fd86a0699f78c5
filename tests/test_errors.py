"""Every sentence in a table: what a person reads is part of the contract."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from nbconvex import errors
from nbconvex.errors import (
    ArgumentsInvalidError,
    CallerError,
    ConflictError,
    ConvexError,
    CursorInvalidError,
    DocumentInvalidError,
    DocumentNotFoundError,
    FileRefusedError,
    FunctionNotFoundError,
    HeadMovedError,
    IndexInvalidError,
    LimitExceededError,
    NbconvexError,
    NotAllowedError,
    ReferenceViolatedError,
    RequestRefusedError,
    ReturnInvalidError,
    SchemaViolatedError,
    StorageLockedError,
    TransientError,
    UnauthenticatedError,
    UniqueViolatedError,
    ValueInvalidError,
)

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, NbconvexError)]

SENTENCES: list[tuple[NbconvexError, str]] = [
    (CallerError("No."), "No."),
    (NotAllowedError("Not here.", hint="there()"), "Not here.\n  Write instead:  there()"),
    (IndexInvalidError("No index."), "No index."),
    (
        FunctionNotFoundError("mesages:list", kind="query", suggestion="messages:list"),
        "Could not find public query for 'mesages:list'. Did you mean \"messages:list\"?",
    ),
    (FunctionNotFoundError("a:b", detail=" Run its cell."), "Could not find public function for 'a:b'. Run its cell."),
    (ValueInvalidError("A set is no value.", path="args.tags"), "A set is no value. (at args.tags)"),
    (ValueInvalidError("A set is no value."), "A set is no value."),
    (
        ArgumentsInvalidError("messages:send", "Value does not match validator."),
        "ArgumentValidationError in messages:send: Value does not match validator.",
    ),
    (ArgumentsInvalidError("", "No."), "ArgumentValidationError: No."),
    (ReturnInvalidError("messages:send", "No."), "ReturnsValidationError in messages:send: No."),
    (
        DocumentInvalidError("messages", "No."),
        'Failed to insert or update a document in table "messages" because it does not match the schema: No.',
    ),
    (
        UniqueViolatedError("users", "by_nick", {"team": 1, "a.b": 2}, "j57", shown="team = 1 and a.b = 2"),
        (
            'Failed to write to table "users": the document with ID "j57" has team = 1 and a.b = 2 already, and index '
            '"by_nick" is unique. Look for such a document first, and patch it if there is one.\n'
            '  Write instead:  ctx.db.query("users").with_index("by_nick", team=..., **{"a.b": ...}).unique()'
        ),
    ),
    (ReferenceViolatedError("No such user.", table="messages", field="author", document_id="j57"), "No such user."),
    (DocumentNotFoundError("Update", "j57"), "Update on nonexistent document ID j57."),
    (
        SchemaViolatedError(["3 documents of messages: body is missing"]),
        "Schema validation failed; the old schema stays in force.\n3 documents of messages: body is missing",
    ),
    (
        CursorInvalidError("It belongs to another query."),
        "InvalidCursor: It belongs to another query. Start again from the first page with cursor=None.",
    ),
    (
        LimitExceededError("documents_read", "Scanned too many documents", maximum=32_000, cure="Use an index."),
        "Scanned too many documents (limit documents_read: 32,000). Use an index.",
    ),
    (FileRefusedError("FileNotFound", "There is no such file."), "There is no such file."),
    (ConvexError("sign in first"), "sign in first"),
    (ConvexError({"code": 7, "why": "späť"}), '{"code": 7, "why": "späť"}'),
    (
        ConflictError("counters", document_id="j57", writer="counters:add", reader="counters:take", tries=5),
        (
            'Documents read from or written to table "counters" (document j57) were changed by counters:add while '
            "counters:take ran and on each of 4 retries. Read less, through a narrower index range, or call it again."
        ),
    ),
    (
        ConflictError("counters"),
        (
            'Documents read from or written to table "counters" were changed by another transaction while this '
            "transaction ran. Read less, through a narrower index range, or call it again."
        ),
    ),
    (RequestRefusedError(413, "BodyTooLarge", "Too long."), "Too long."),
    (UnauthenticatedError("BadAdminKey", "Wrong."), "Wrong."),
    (HeadMovedError(7), "the log's head has moved to 7"),
]


@pytest.mark.parametrize(("error", "sentence"), SENTENCES, ids=[type(error).__name__ for error, _ in SENTENCES])
def test_error_says_its_sentence(error: NbconvexError, sentence: str) -> None:
    assert str(error) == sentence


def test_locked_store_names_the_file_the_holder_and_the_way_out() -> None:
    sentence = str(StorageLockedError("app.duckdb", holder="process 7"))
    assert sentence.startswith("app.duckdb is open in another process (process 7).")
    assert "%convex open other.duckdb" in sentence


@pytest.mark.parametrize("error", CLASSES, ids=lambda each: each.__name__)
def test_error_has_a_code_of_its_own_and_a_status(error: type[NbconvexError]) -> None:
    assert [each for each in CLASSES if each.code == error.code] == [error]
    assert 400 <= error.http_status < 600


def test_tree_in_the_docstring_names_every_class() -> None:
    printed = set(re.findall(r"\b\w+Error\b", errors.__doc__ or ""))
    assert printed == {each.__name__ for each in CLASSES}


def test_only_the_world_and_other_transactions_are_worth_a_retry() -> None:
    transient = {each.__name__ for each in CLASSES if issubclass(each, TransientError)}
    assert transient == {"TransientError", "ConflictError", "OverloadedError", "KeysUnavailableError", "HeadMovedError"}


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (ConflictError("t", writer="a:b"), {"table": "t", "document_id": None, "writer": "a:b", "tries": 1}),
        (LimitExceededError("rows", "x", maximum=5, actual=6), {"limit": "rows", "maximum": 5, "actual": 6}),
        (ConvexError([1, None]), {"data": [1, None]}),
        (CallerError("No.", hint="yes()"), {"message": "No.", "hint": "yes()"}),
        (RequestRefusedError(413, "BodyTooLarge", "No."), {"status": 413, "reason": "BodyTooLarge"}),
        (UnauthenticatedError("BadAdminKey", "No."), {"status": 401, "reason": "BadAdminKey"}),
        (DocumentNotFoundError("Delete", "j57"), {"operation": "Delete", "document_id": "j57"}),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_facts_stay_readable(error: NbconvexError, facts: dict[str, Any]) -> None:
    assert {name: getattr(error, name) for name in facts} == facts
