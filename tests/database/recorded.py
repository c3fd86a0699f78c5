"""A transaction and the model side by side, with a record of everything that was asked and answered."""

from __future__ import annotations

from typing import Any

from nbconvex.database.transaction import Transaction
from nbconvex.errors import DocumentNotFoundError
from tests.database.naive_model import Document, Find, Model, position, seen

Step = tuple[Any, ...]


class Disagreement(AssertionError):
    """The database and the model answer differently."""


class RecordedTransaction:
    """One transaction. What it answers is compared at once with a model that starts at the same state."""

    def __init__(self, transaction: Transaction, model: Model) -> None:
        self.transaction = transaction
        self.start = model
        self.view = model.copy()
        self.steps: list[tuple[Step, bytes]] = []
        self.cursors: dict[str, tuple[str, tuple[bytes, ...]]] = {}
        self._savepoints: list[Any] = []

    @property
    def is_blind(self) -> bool:
        """Whether it has done nothing but insert into a table that exists."""
        return all(step[:2] == ("insert", "items") for step, _ in self.steps)

    def get(self, id: str) -> Document | None:
        return self._record(self.transaction.get(id), "get", id)

    def insert(self, table: str, fields: Document) -> str:
        id = self.transaction.insert(table, fields)
        document = self.transaction.get(id)
        assert document is not None, "what was inserted can be read"
        wanted = {**fields, "_id": id, "_creationTime": document["_creationTime"]}
        if seen(document) != seen(wanted):
            raise Disagreement(f"inserted {fields}, and it reads as {document}")
        self._record(None, "insert", table, document)
        return id

    def patch(self, id: str, fields: Document) -> bool:
        return self._record(_succeeds(self.transaction.patch, id, fields), "patch", id, fields)

    def replace(self, id: str, fields: Document) -> bool:
        return self._record(_succeeds(self.transaction.replace, id, fields), "replace", id, fields)

    def delete(self, id: str) -> bool:
        return self._record(_succeeds(self.transaction.delete, id), "delete", id)

    def collect(self, find: Find) -> list[Document]:
        return self._record(find.of(self.transaction).collect(), "collect", find)

    def take(self, find: Find, count: int) -> list[Document]:
        return self._record(find.of(self.transaction).take(count), "take", find, count)

    def loop(self, find: Find, count: int) -> list[Document]:
        """As `take`, by a loop with a break, behind a filter that keeps everything."""
        found: list[Document] = []
        for document in find.of(self.transaction).filter(lambda _: True):
            found.append(document)
            if len(found) >= count:
                break
        return self._record(found, "take", find, max(count, 1))

    def count(self, find: Find) -> int:
        return self._record(find.of(self.transaction).count(), "count", find)

    def page(self, find: Find, size: int) -> bool:
        """The next page of `find`; whether it was the last."""
        cursor, after = self.cursors.get(repr(find), (None, None))
        page = find.of(self.transaction).paginate(num_items=size, cursor=cursor, allow_several=True)
        self._record((page["page"], page["isDone"]), "page", find, size, after)
        if page["isDone"]:
            self.cursors.pop(repr(find), None)
        else:
            self.cursors[repr(find)] = (page["continueCursor"], position(find, page["page"][-1]))
        return bool(page["isDone"])

    def savepoint(self) -> None:
        self._savepoints.append(self.transaction.savepoint())
        self._record(None, "savepoint")

    def rollback(self) -> None:
        """Back to the newest savepoint, if there is one."""
        if self._savepoints:
            self.transaction.rollback(self._savepoints.pop())
            self._record(None, "rollback")

    def replay(self, model: Model) -> None:
        """Do the same on `model`: whoever ran alone there must have seen the same.

        Raises:  Disagreement.
        """
        for step, answer in self.steps:
            if seen(_ask(model, step)) != answer:
                raise Disagreement(
                    f"not serializable: {step} was answered differently than it would have been in the order of commits"
                )

    def _record(self, answer: Any, *step: Any) -> Any:
        expected = _ask(self.view, step)
        if seen(answer) != seen(expected):
            raise Disagreement(f"{step}\n  database: {answer}\n  model:    {expected}")
        self.steps.append((step, seen(answer)))
        return answer


def _ask(model: Model, step: Step) -> Any:
    return getattr(model, step[0])(*step[1:])


def _succeeds(write: Any, *arguments: Any) -> bool:
    try:
        write(*arguments)
    except DocumentNotFoundError:
        return False
    return True
