"""Whether stored documents keep the rules of a new schema.

Owns:  the sentences about documents that do not.
Must not know: how a schema comes into force; transactions.
Invariant: pure functions of a snapshot. A rule that was in force before is not looked at: every write has kept it.
Threads: any.
Source: semantics 2.3 nb, ADR 15.
"""

from __future__ import annotations

from collections.abc import Iterator

from nbconvex.database.active_schema import ActiveSchema
from nbconvex.database.snapshot import Snapshot, Table
from nbconvex.database.write_rules import TableRules, UniqueRule
from nbconvex.errors import ValueInvalidError
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
    target = snapshot.table(reference.target)
    found: list[tuple[str, str]] = []
    for _, payload in table.documents.entries():
        document = decode_document(payload)
        value = field_value(document, reference.path)
        if type(value) is not str or not _is_of(snapshot, value, reference.target):
            continue
        if target is None or target.documents.get(value.encode("ascii")) is None:
            found.append((document["_id"], value))
    if found:
        referrer, value = found[0]
        count = "1 document" if len(found) == 1 else f"{len(found):,} documents"
        yield (
            f'Field "{reference.path}" of table "{reference.table}" cannot have on_delete="{reference.on_delete}": in '
            f'{count} it refers to a document of "{reference.target}" that does not exist, e.g. in the one with ID '
            f'"{referrer}" to "{value}". Change or delete those documents, then run the cell again.'
        )


def _is_of(snapshot: Snapshot, value: str, table: str) -> bool:
    try:
        number = decode_id(value)[0]
    except ValueInvalidError:
        return False
    return snapshot.table_name(number) == table
