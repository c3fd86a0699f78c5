"""A ready `%%schema` cell made from the documents that are there.

Owns:  `schema_cell`, its text; `schema_from_data`, the same for the only backend that is open.
Must not know: how a validator is concluded from documents; how a cell is shown.
Invariants: the text runs as it stands, and puts a schema in force that every stored document fits. Tables that the
schema in force describes stay as they are described, with their indexes. Names and texts of the data become Python
literals, so that no document can add a line.
Threads: any.
Source: semantics 12.2.
"""

from __future__ import annotations

import ast
import json
import keyword
import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Final

from nbconvex.database.shapes import shape_of
from nbconvex.database.system_tables import FIRST_USER_TABLE
from nbconvex.errors import CallerError, NotAllowedError, SchemaInvalidError
from nbconvex.functions import current
from nbconvex.functions.run import CURRENT
from nbconvex.values.schema import IndexDefinition, TableDefinition, table
from nbconvex.values.validators import ArrayValidator, ObjectValidator, Validator

if TYPE_CHECKING:
    from nbconvex.database.snapshot import Snapshot

#: Characters of a line before it is broken.
_LINE: Final = 100
#: A text in quotes, or the other name of v.number().
_NUMBER: Final = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|v\.float64\(""")
_INDENT: Final = "    "
#: Tables with these names hide what the other lines use.
_LAST: Final = ("v", "table")


class SchemaCell(str):
    """The text of a cell, which shows as the text that it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def schema_from_data(*tables: str, backend: Any = None) -> SchemaCell:
    """A `%%schema` cell that the stored documents fit: put it into a cell, make it stricter, and run it.

    Tables that the schema in force describes stay as they are. With `tables`, of the others only these are described.
    The `backend` is the only one that is open, unless it is given.
    Raises:  CallerError for a table that is not there, or where there is no backend, or more than one; NotAllowedError
             in a function.
    """
    run = CURRENT.get()
    if run is not None:
        raise NotAllowedError(
            f"{run.path} calls schema_from_data, which plain code does: it reads all documents and writes a cell.",
            hint='ctx.db.query("table").take(10)',
        )
    given: Any = current.the_only_one() if backend is None else backend
    return schema_cell(given.database.snapshot, tables)


def schema_cell(snapshot: Snapshot, wanted: Collection[str] = ()) -> SchemaCell:
    """The text of the cell.

    Raises:  CallerError for a table that is not there.
    """
    stored = sorted(each.name for number, each in snapshot.tables.items() if number >= FIRST_USER_TABLE)
    unknown = [name for name in wanted if name not in stored]
    if unknown:
        raise CallerError(f'there is no table "{unknown[0]}". Tables: {", ".join(stored) or "none yet"}.')
    declared = {} if snapshot.schema is None else dict(snapshot.schema.definition.tables)
    names = [*declared, *(name for name in (wanted or stored) if name not in declared)]
    parts = [_part(snapshot, name, declared.get(name)) for name in sorted(names, key=_order)]
    return SchemaCell("%%schema\n" + "\n".join(filter(None, parts)))


def _order(name: str) -> int:
    return _LAST.index(name) + 1 if name in _LAST else 0


def _part(snapshot: Snapshot, name: str, declared: TableDefinition | None) -> str:
    if declared is not None:
        text = _assigned(name, _table_text(declared))
        # Without validation, documents may be others than it says.
        assert snapshot.schema is not None, "it declares the table"
        if snapshot.schema.definition.schema_validation and _is_python(text):
            return text
    validator = shape_of(snapshot, name)
    if validator is None:
        return f"# {name}: no documents to tell its fields by"
    definition, lost = _with_indexes(table(validator), declared)
    return "\n".join([*lost, _assigned(name, _table_text(definition))])


def _with_indexes(made: TableDefinition, declared: TableDefinition | None) -> tuple[TableDefinition, list[str]]:
    """The indexes of the declared table on one that was concluded, and what is to be said of those that do not fit."""
    lost = []
    for index in () if declared is None else declared.indexes.values():
        try:
            made = made.index(index.name, index.fields, staged=index.staged, unique=index.unique)
        except SchemaInvalidError:
            lost.append(f"# its index {index} is on fields that no document has")
    content = [] if declared is None else [str(each) for each in declared.content_indexes.values()]
    return made, lost + [f"# its {each} is yours to add again" for each in content]


def _assigned(name: str, text: str) -> str:
    if keyword.iskeyword(name):
        return "\n".join(f"# {line}" for line in [f"{name} is no name in Python: rename the table", *text.split("\n")])
    return f"{name} = {text}"


def _is_python(text: str) -> bool:
    """Whether the text can be run; a default that is a lambda has no text."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _table_text(definition: TableDefinition) -> str:
    validator = definition.validator
    if isinstance(validator, ObjectValidator) and validator.rest is None:
        text = f"table({_fields(validator, '')})"
    else:
        text = f"table({_source(validator, '')})"
    chain = list(_index_calls(definition))
    if not chain:
        return text
    body = "\n".join(_INDENT + line for line in [*text.split("\n"), *chain])
    return f"(\n{body}\n)"


def _index_calls(definition: TableDefinition) -> Iterator[str]:
    for index in definition.indexes.values():
        yield _index_call(index)
    for content in definition.content_indexes.values():
        tree = content.to_json()
        more = f", filter_fields={json.dumps(list(content.filter_fields))}" if content.filter_fields else ""
        more += ", staged=True" if content.staged else ""
        name = json.dumps(content.name)
        if "vectorField" in tree:
            field, dimensions = json.dumps(tree["vectorField"]), tree["dimensions"]
            yield f".vector_index({name}, vector_field={field}, dimensions={dimensions}{more})"
        else:
            yield f".search_index({name}, search_field={json.dumps(tree['searchField'])}{more})"


def _index_call(index: IndexDefinition) -> str:
    more = f"{', staged=True' * index.staged}{', unique=True' * index.unique}"
    return f".index({json.dumps(index.name)}, {json.dumps(list(index.fields))}{more})"


def _fields(validator: ObjectValidator, indent: str) -> str:
    """A dict of fields, a line each unless it is short."""
    if not validator.fields:
        return "{}"
    inside = indent + _INDENT
    lines = [f"{inside}{json.dumps(name)}: {_source(item, inside)},\n" for name, item in validator.fields.items()]
    return f"{{\n{''.join(lines)}{indent}}}"


def _source(validator: Validator, indent: str) -> str:
    """A validator as it is written, in several lines where one would be too long."""
    text = _NUMBER.sub(lambda found: found[1] or "v.number(", str(validator))
    if len(indent) + len(text) <= _LINE or validator.default is not None:
        return text
    if validator.is_optional:
        return f"v.optional({_source(validator.required(), indent)})"
    if isinstance(validator, ArrayValidator):
        return f"v.array({_source(validator.element, indent)})"
    if isinstance(validator, ObjectValidator) and validator.rest is None:
        return f"v.object({_fields(validator, indent)})"
    return text
