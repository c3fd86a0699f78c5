"""Searching a text index: what `q.search("body", "hello").eq("channel", c)` asks for, and the documents that it finds.

Owns:  `SearchBuilder`, `TextSearch`.
Must not know: the query chain, how postings are kept or ranked.
Invariants:
- What is recorded as read are the words that were asked for, narrowed by a filter field: a write of a document without
  any of them concerns nobody. Statistics of all texts enter the scores and are not part of it, as in Convex.
- Every document scanned is charged before any filter of the chain sees it.
Source: semantics 6.1.
Threads: belongs to its transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from zlib import crc32

from nbconvex.database.ranges import with_int64
from nbconvex.database.ranking import Mark, Ranking, id_at, in_order, key_at
from nbconvex.database.text_index import TextIndex
from nbconvex.database.words import counted_words, words_of
from nbconvex.database.writes import Document
from nbconvex.errors import CallerError, CursorInvalidError, IndexInvalidError, LimitExceededError
from nbconvex.values.codec import decode_document, normalize
from nbconvex.values.ids import encode_id
from nbconvex.values.scalars import UNSET
from nbconvex.values.sort_key import encode_key, field_value

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Table
    from nbconvex.database.transaction import Transaction
    from nbconvex.limits import Limits
    from nbconvex.values.content_indexes import SearchIndexDefinition

_HINT = '.with_search_index("{}", lambda q: q.search("{}", text))'


class SearchBuilder:
    """What the `q` of `.with_search_index(name, lambda q: ...)` can do. Each call consumes the builder before it."""

    __slots__ = ("_is_used", "equal", "searched")

    def __init__(
        self, searched: tuple[tuple[str, str], ...] = (), equal: tuple[tuple[str, str, Any], ...] = ()
    ) -> None:
        self.searched = searched
        self.equal = equal
        self._is_used = False

    def search(self, field: str, text: str) -> SearchBuilder:
        """Only documents whose `field` has one of the words of `text`; the last one may be the beginning of a word."""
        self._use("search", field)
        if not isinstance(text, str):
            raise CallerError(
                f'q.search("{field}", ...) takes the text to look for, got {type(text).__name__}.',
                hint=f'q.search("{field}", "hello")',
            )
        if self.searched:
            raise CallerError(
                "a search has one q.search(...), got two. To look for several words, write them in one text: documents "
                "with any of them are found, those with more of them first.",
                hint=f'q.search("{field}", "hello world")',
            )
        return SearchBuilder(((field, text),), self.equal)

    def eq(self, field: str, value: Any) -> SearchBuilder:
        """Only documents whose filter field is this value; UNSET finds those without the field."""
        self._use("eq", field)
        return SearchBuilder(self.searched, (*self.equal, ("eq", field, value)))

    def _use(self, operation: str, field: object) -> None:
        if not isinstance(field, str):
            raise CallerError(
                f"q.{operation} in .with_search_index takes the field's name first, got {type(field).__name__}.",
                hint=f'q.{operation}("body", ...)',
            )
        if self._is_used:
            raise CallerError(
                "this search was already extended: q.search and q.eq give a new one each, chain them.",
                hint='q.search("body", text).eq("channel", channel)',
            )
        self._is_used = True

    if not TYPE_CHECKING:  # to a type checker any name would look right

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__"):
                raise AttributeError(name)
            raise CallerError(
                f"a search has no q.{name}. It has search and eq; anything else is a filter behind it: "
                ".with_search_index(...).filter(lambda q: ...)."
            )


@dataclass(frozen=True, slots=True)
class TextSearch:
    """A search of one index. `filters` are places among its filter fields and the sort keys of the values there."""

    definition: SearchIndexDefinition
    words: tuple[str, ...]
    filters: tuple[tuple[int, bytes], ...]

    @property
    def description(self) -> tuple[object, ...]:
        """Everything that decides which documents come in which order."""
        definition = self.definition
        fields = (definition.name, definition.search_field, definition.filter_fields)
        return ("search", *fields, self.words, self.filters)

    def documents(self, transaction: Transaction, table: Table) -> Iterator[Document]:
        """The documents, the most relevant first, recorded and charged as read.

        Raises:  LimitExceededError.
        """
        ranking = self._ranking(transaction, table)
        if ranking is not None:
            for _, document in self._found(transaction, table, ranking, b"", None):
                yield document

    def scan(
        self, transaction: Transaction, table: Table, low: bytes, high: bytes | None
    ) -> Iterator[tuple[bytes, Document]]:
        """As `documents`, each with its key. `low` and `high` are such a key with a zero byte, which stands for the
        place behind it; or empty and None.

        Raises:  LimitExceededError, CursorInvalidError.
        """
        ranking = self._ranking(transaction, table)
        if ranking is None:
            return
        after, until = (_place_behind(ranking, bound) if bound else bound for bound in (low, high))
        for position, document in self._found(transaction, table, ranking, after or b"", until):
            counted = counted_words(field_value(document, self.definition.search_field))
            yield bytes(ranking.mark(key_at(position), *counted)), document

    def _ranking(self, transaction: Transaction, table: Table) -> Ranking | None:
        """The ranking for the words, which are recorded as read; None where there are none."""
        if not self.words:
            return None
        index = _text_index(table, self.definition.name)
        narrowed = min(self.filters, default=None)
        last = len(self.words) - 1
        for place, word in enumerate(self.words):
            interval = index.interval(word.encode(), is_prefix=place == last, narrowed=narrowed)
            transaction.reads.add_interval(table.number, self.definition.name, *interval)
        return Ranking(index, self.words, transaction.limits)

    def _found(
        self, transaction: Transaction, table: Table, ranking: Ranking, low: bytes, high: bytes | None
    ) -> Iterator[tuple[bytes, Document]]:
        """Positions in `[low, high)` and their documents, charged as read."""
        scores = ranking.scores({place: crc32(key) for place, key in self.filters})
        maximum = transaction.limits.search_documents
        scanned = 0
        for position in in_order(scores, low, high):
            payload = table.documents.get(encode_id(table.number, id_at(position)).encode("ascii"))
            assert payload is not None, "a document with postings exists"
            document = decode_document(payload)
            # Postings hold hashes of these values.
            if not self._holds(document):
                continue
            if scanned == maximum:
                raise LimitExceededError(
                    "search_documents", "the search query scanned too many documents", maximum=maximum,
                    cure="Take the best with .take(n) or .paginate(...), or narrow the search with q.eq on a filter "
                    "field: documents that a .filter drops count too.",
                )  # fmt: skip
            scanned += 1
            transaction.metrics.charge_read(1, len(payload))
            yield position, document

    def _holds(self, document: Document) -> bool:
        fields = self.definition.filter_fields
        return all(encode_key(field_value(document, fields[place])) == key for place, key in self.filters)


def _place_behind(ranking: Ranking, bound: bytes) -> bytes:
    try:
        return ranking.position(Mark.parse(bound[:-1])) + b"\0"
    except ValueError:
        raise CursorInvalidError("it is no place in the results of a search.") from None


def search_of(
    transaction: Transaction, table: Table | None, table_name: str, name: object, build: Callable[[Any], Any] | None
) -> TextSearch:
    """The search that `.with_search_index(name, build)` asks for.

    Raises:  CallerError, IndexInvalidError.
    """
    if table is None:
        raise IndexInvalidError(
            f'cannot search "{table_name}": there is no such table. A table with a search index comes into being with '
            "the schema that declares it.",
            hint=f'{table_name} = table({{...}}).search_index("{name}", search_field="body")   in the %%schema cell',
        )
    if not isinstance(name, str):
        raise CallerError(
            f".with_search_index takes the index's name first, got {type(name).__name__}.",
            hint=_HINT.format("search_body", "body"),
        )
    definition = _text_index(table, name).definition
    label = f'search index "{table.name}.{name}"'
    if definition.staged:
        raise IndexInvalidError(
            f"{label} is currently staged and not available to query. Remove staged=True from the schema to enable it."
        )
    hint = _HINT.format(name, definition.search_field)
    if build is None:
        raise CallerError(f"{label}: .with_search_index needs what to look for as its second argument.", hint=hint)
    built = build(SearchBuilder())
    if not isinstance(built, SearchBuilder):
        raise CallerError(
            f".with_search_index({name!r}, ...) must return q.search(...), got {type(built).__name__}.", hint=hint
        )
    if not built.searched:
        raise CallerError(
            f"{label}: a search has exactly one q.search(...), got none. To find documents by equality alone use an "
            "ordinary index.",
            hint=hint,
        )
    [(field, text)] = built.searched
    if field != definition.search_field:
        raise IndexInvalidError(
            f'{label} is on the field "{definition.search_field}"; q.search("{field}", ...) looks in another one.',
            hint=hint,
        )
    schema = transaction.snapshot.schema
    int64_fields = () if schema is None else schema.int64_fields.get(table.name, ())
    filters = _filters(label, definition.filter_fields, with_int64(built.equal, int64_fields), transaction.limits)
    return TextSearch(definition, tuple(words_of(text)[: transaction.limits.search_words]), filters)


def _filters(
    label: str, fields: Sequence[str], equal: Sequence[tuple[str, str, Any]], limits: Limits
) -> tuple[tuple[int, bytes], ...]:
    if len(equal) > limits.search_filters:
        raise LimitExceededError(
            "search_filters", f"{label}: too many conditions", maximum=limits.search_filters, actual=len(equal),
            cure="Use .filter(...) behind the search for the others.",
        )  # fmt: skip
    filters = []
    for _, field, value in equal:
        if field not in fields:
            raise IndexInvalidError(
                f'{label} has no filter field "{field}"; its filter fields are [{", ".join(fields)}].',
                hint=f'.search_index(..., filter_fields=["{field}"])   in the %%schema cell',
            )
        plain = value if value is UNSET else normalize(value, path=f".{field}")
        filters.append((fields.index(field), encode_key(plain)))
    return tuple(filters)


def _text_index(table: Table, name: str) -> TextIndex:
    index = table.content.get(name)
    if isinstance(index, TextIndex):
        return index
    known = [each.definition.name for each in table.content.values() if isinstance(each, TextIndex)]
    problem = f"Search index {table.name}.{name} not found."
    if name in table.indexes:
        problem = f'"{table.name}.{name}" is an ordinary index, not a search index; use .with_index.'
    elif index is not None:
        problem = f'"{table.name}.{name}" is a {index.definition.KIND}, not a search index.'
    raise IndexInvalidError(
        f'{problem} Search indexes of "{table.name}": {", ".join(known) or "none"}.',
        hint=f'{table.name} = table({{...}}).search_index("{name}", search_field="body")   in the %%schema cell',
    )
