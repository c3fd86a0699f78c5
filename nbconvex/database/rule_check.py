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
from nbconvex.database.write_rules import UniqueRule
from nbconvex.values.codec import decode_document

#: Values that a report names, each with two ids; the others are counted.
_VALUES_SHOWN = 3


def broken_rules(snapshot: Snapshot, schema: ActiveSchema) -> Iterator[str]:
    """A sentence for each rule of `schema` that documents of `snapshot` break."""
    old = {} if snapshot.schema is None else snapshot.schema.rules
    for name, rules in schema.rules.items():
        table = snapshot.table(name)
        if table is None or not len(table.documents):
            continue
        known = old[name].unique if name in old else ()
        for rule in rules.unique:
            if rule not in known:
                yield from _duplicates(table, rule)


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
