"""Whether whole tables keep the rules: stored documents those of a new schema, loaded ones those in force.

Owns:  finding documents that do not, and the sentences about them.
Must not know: how a schema comes into force; transactions.
Invariant: pure functions of a snapshot. A rule that was in force before is not looked at: every write has kept it.
Threads: any.
Source: semantics 2.3 nb, ADR 15.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from nbconvex.database.active_schema import ActiveSchema
from nbconvex.database.snapshot import Snapshot, Table
from nbconvex.database.write_rules import TableRules, UniqueRule
from nbconvex.errors import ReferenceViolatedError, ValueInvalidError
from nbconvex.values.codec import decode_document
from nbconvex.values.ids import decode_id
from nbconvex.values.references import Reference
from nbconvex.values.sort_key import field_value

#: Values that a report names, each with two ids; the others are counted.
_VALUES_SHOWN = 3


def broken_rules(snapshot: Snapshot, schema: ActiveSchema) -> Iterator[str]:
    """A sentence for each rule of `schema` that documents of `snapshot` break."""
    old = {} if snapshot.schema is None else snapshot.schema.rules
    for name, rules in schema.rules.items():
        table = snapshot.table(name)
        if table is None or not len(table.documents):
            continue
        known = old.get(name, TableRules())
        for rule in rules.unique:
            if rule not in known.unique:
                yield from _duplicates(table, rule)
        kept = {(each.path, each.target) for each in known.refers}
        for reference in rules.refers:
            if (reference.path, reference.target) not in kept:
                yield from _dangling(snapshot, table, reference)


def _duplicates(table: Table, rule: UniqueRule) -> Iterator[str]:
    """The sentence about values that stand in several documents."""
    first: dict[bytes, str] = {}
    repeated: dict[bytes, list[str]] = {}
    shown: list[tuple[str, bytes]] = []
    for _, payload in table.documents.entries():
        document = decode_document(payload)
        key = rule.key(document)
        if key is None:
            continue
        document_id = document["_id"]
        if first.setdefault(key, document_id) is document_id:
            continue
        others = repeated.setdefault(key, [first[key]])
        others.append(document_id)
        if len(others) == 2 and len(shown) < _VALUES_SHOWN:
            shown.append((rule.shown(document), key))
    if not repeated:
        return
    documents = sum(map(len, repeated.values()))
    samples = [
        f'{values} in {len(repeated[key]):,} documents (IDs "{repeated[key][0]}", "{repeated[key][1]}"'
        f"{', ...' * (len(repeated[key]) > 2)})"
        for values, key in shown
    ]
    more = f"; and {len(repeated) - len(samples):,} more values" if len(repeated) > len(samples) else ""
    yield (
        f'Index "{rule.index}" of table "{table.name}" cannot be unique: {documents:,} documents share '
        f"{len(repeated):,} {'value' if len(repeated) == 1 else 'values'}: {'; '.join(samples)}{more}. "
        "Change or delete all but one of each, then run the cell again."
    )


def _dangling(snapshot: Snapshot, table: Table, reference: Reference) -> Iterator[str]:
    """The sentence about references to documents that are not there."""
    found = dangling(table, snapshot.table(reference.target), reference, snapshot.table_name)
    if found is not None:
        count = "1 document" if found.number == 1 else f"{found.number:,} documents"
        yield (
            f'Field "{reference.path}" of table "{reference.table}" cannot have on_delete="{reference.on_delete}": in '
            f'{count} it refers to a document of "{reference.target}" that does not exist, e.g. in the one with ID '
            f'"{found.referrer_id}" to "{found.document_id}". Change or delete those documents, then run the cell '
            "again."
        )


class Dangling(NamedTuple):
    """References that lead nowhere: how many, and the first, with the document that has it and what it names."""

    referrer_id: str
    document_id: str
    number: int


def dangling(
    table: Table, target: Table | None, reference: Reference, name_of: Callable[[int], str | None]
) -> Dangling | None:
    """The references of a table's documents that lead nowhere; None where all lead somewhere.

    Shapes:  `name_of` gives a table's name by its number.
    """
    first: tuple[str, str] | None = None
    count = 0
    for _, payload in table.documents.entries():
        document = decode_document(payload)
        value = field_value(document, reference.path)
        if type(value) is not str or not _may_be_of(value, reference.target, name_of):
            continue
        if target is None or target.documents.get(value.encode("ascii")) is None:
            count += 1
            first = first or (document["_id"], value)
    return None if first is None else Dangling(*first, count)


def _may_be_of(value: str, table: str, name_of: Callable[[int], str | None]) -> bool:
    try:
        number = decode_id(value)[0]
    except ValueInvalidError:
        return False
    # An id of a table that is not there (any more) leads nowhere, too.
    return name_of(number) in {table, None}


def require_kept(
    rules: Mapping[str, TableRules], names: Collection[str], table_of: Callable[[str], Table | None],
    name_of: Callable[[int], str | None],
) -> None:  # fmt: skip
    """Refuse what leaves a reference that leads nowhere, where documents of the tables `names` came and went.

    Raises:  ReferenceViolatedError.
    """
    for reference in references_among(rules, names):
        table = table_of(reference.table)
        found = None if table is None else dangling(table, table_of(reference.target), reference, name_of)
        if found is not None:
            count = "1 document" if found.number == 1 else f"{found.number:,} documents"
            raise ReferenceViolatedError(
                f'Failed to write to {" and ".join(sorted(names))}: afterwards {count} of "{reference.table}" would '
                f'refer by "{reference.path}" to documents that "{reference.target}" does not have; the one with ID '
                f'"{found.referrer_id}" to "{found.document_id}". Write these as well, or leave out those that refer.',
                table=reference.table, field=reference.path, document_id=found.document_id,
                referrer_id=found.referrer_id, count=found.number,
            )  # fmt: skip


def references_among(rules: Mapping[str, TableRules], names: Collection[str]) -> list[Reference]:
    """The references that can be broken by what is written to these tables."""
    found = [each for name in names if name in rules for each in (*rules[name].refers, *rules[name].referred)]
    return list(dict.fromkeys(found))
