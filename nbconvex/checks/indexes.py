"""Checks of how documents are found: fields that are queried without an index, indexes that nobody queries.

Owns:  the checks `index` and `unused-index`; `Suggestion`: the line for the schema, and what to write in the query.
Must not know: other checks.
Mechanism: what ran says what a filter cost; the text of the function says which field was compared with what, which is
what the cure is made of.
Threads: pure.
Source: semantics 12.1, 15.2, 15.4, 15.5.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nbconvex.checks.finding import Finding
from nbconvex.checks.source import Code

if TYPE_CHECKING:
    from nbconvex.functions.plans import PlanLog
    from nbconvex.values.schema import SchemaDefinition

#: A filter is costly that looks at this many documents in a query, and drops more than this share of them.
SCANNED_NOTED: Final = 100
DROPPED_SHARE: Final = 0.75
_RANGES: Final = frozenset({"lt", "lte", "gt", "gte"})
_OPERATORS: Final[Mapping[type, str]] = {ast.Lt: "lt", ast.LtE: "lte", ast.Gt: "gt", ast.GtE: "gte"}
_CHOSEN: Final = frozenset({"with_index", "with_search_index", "full_table_scan"})
_SYSTEM: Final = frozenset({"_id", "_creationTime"})


@dataclass(frozen=True)
class Suggestion:
    """What would find a function's documents.

    Shapes:  `equal` and `ranges` are fields with what they are compared with, as it is written.
    """

    table: str
    equal: tuple[tuple[str, str], ...]
    ranges: tuple[tuple[str, str, str], ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the index: those that are equal, then the one that has a range."""
        names = [name for name, _ in self.equal] + [name for _, name, _ in self.ranges[:1]]
        return tuple(dict.fromkeys(names))

    def cure(self, schema: SchemaDefinition | None) -> str:
        """What to write: in the schema, unless the index is there, and in the query."""
        table = schema.tables.get(self.table) if schema is not None else None
        wanted = self.fields
        for index in table.indexes.values() if table is not None else ():
            if index.fields[: len(wanted)] == wanted and not index.staged:
                return f"{self._use(index.name)}   instead of the filter"
        name = "by_" + "_and_".join(field.replace(".", "_") for field in wanted)
        listed = ", ".join(f'"{field}"' for field in wanted)
        return (
            f'.index("{name}", [{listed}])   behind {self.table} in the %%schema cell, and   {self._use(name)}   '
            "instead of the filter"
        )

    def _use(self, index: str) -> str:
        ranged = [each for each in self.ranges if each[1] == self.ranges[0][1]]
        if not ranged and all(name.isidentifier() for name, _ in self.equal):
            return f'.with_index("{index}", {", ".join(f"{name}={value}" for name, value in self.equal)})'
        steps = [f'.eq("{name}", {value})' for name, value in self.equal]
        steps += [f'.{operation}("{name}", {value})' for operation, name, value in ranged]
        return f'.with_index("{index}", lambda q: q{"".join(steps)})'


def suggestions(code: Code) -> Iterator[Suggestion]:
    """What the filters in a function's text ask for that choose no index."""
    for node in code.walk():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "filter"):
            continue
        table, steps = _chain(node)
        if table and not steps & _CHOSEN and len(node.args) == 1 and isinstance(node.args[0], ast.Lambda):
            equal, ranges = _compared(node.args[0])
            if equal or ranges:
                yield Suggestion(table, tuple(equal.items()), tuple(ranges))


def _chain(node: ast.AST) -> tuple[str, set[str]]:
    """The table that a chain begins with, and the steps in it."""
    steps: set[str] = set()
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name = node.func.attr
        if name in {"query", "table"} and node.args:
            first = node.args[0]
            return (str(first.value), steps) if isinstance(first, ast.Constant) else ("", steps)
        steps.add(name)
        node = node.func.value
    return "", steps


def _compared(condition: ast.Lambda) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """The fields that a condition wants equal, and those that it wants in a range; what is in an `or` is left out."""
    parameter = condition.args.args[0].arg if condition.args.args else ""
    equal: dict[str, str] = {}
    ranges: list[tuple[str, str, str]] = []
    waiting: list[ast.AST] = [condition.body]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            waiting += node.values
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "and_":
            waiting += node.args
            continue
        found = _comparison(node, parameter)
        if found is None or found[1] in _SYSTEM:
            continue
        operation, name, value = found
        if operation == "eq":
            equal.setdefault(name, value)
        elif operation in _RANGES:
            ranges.append(found)
    return equal, ranges


def _comparison(node: ast.AST, parameter: str) -> tuple[str, str, str] | None:
    """Operation, field and value of `q.eq(q.field("a"), value)` or `document["a"] == value`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 2:
        name = _field(node.args[0], parameter)
        if name and not _field(node.args[1], parameter):
            return node.func.attr, name, ast.unparse(node.args[1])
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        operation = "eq" if isinstance(node.ops[0], ast.Eq) else _OPERATORS.get(type(node.ops[0]))
        name = _field(node.left, parameter)
        if operation and name and not _field(node.comparators[0], parameter):
            return operation, name, ast.unparse(node.comparators[0])
    return None


def _field(node: ast.AST, parameter: str) -> str:
    """The field that `q.field("a")`, `document["a"]` or `document.get("a")` reads; nothing for anything else."""
    is_read = isinstance(node, ast.Subscript) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"field", "get"}
    )
    if not is_read:
        return ""
    owner = node.value if isinstance(node, ast.Subscript) else node.func.value  # type: ignore[attr-defined]
    names = [node.slice] if isinstance(node, ast.Subscript) else node.args[:1]  # type: ignore[attr-defined]
    if not isinstance(owner, ast.Name) or owner.id != parameter or not names:
        return ""
    return str(names[0].value) if isinstance(names[0], ast.Constant) else ""


def index_findings(codes: Sequence[Code], plans: PlanLog, schema: SchemaDefinition | None) -> Iterator[Finding]:
    """Filters over a whole table: those that have cost something, and those that will."""
    for code in codes:
        if code.definition is None:
            continue
        wanted = {each.table: each for each in suggestions(code)}
        costs = scan_costs(code, plans)
        for table in sorted(wanted.keys() | costs.keys()):
            suggestion, cost = wanted.get(table), costs.get(table)
            cure = suggestion.cure(schema) if suggestion is not None else _unknown_cure(cost)
            if cost is not None:
                problem = f"looks at all of {table}: {cost.words}."
            else:
                assert suggestion is not None, table
                problem = f"filters {table} by {', '.join(suggestion.fields)} without an index."
            yield Finding(code.owner, code.place, problem, cure, is_grave=cost is not None)


@dataclass(frozen=True)
class ScanCost:
    """What filters over a whole table have cost a function."""

    queries: int
    looked_at: int
    given: int
    fields: tuple[str, ...]

    @property
    def words(self) -> str:
        """The same for people."""
        # Down, so that 100% means that nothing was left.
        share = math.floor((1 - self.given / self.looked_at) * 100) / 100
        return f"{self.looked_at:,} documents read for {self.given:,} (the filter drops {share:.0%})"


def scan_costs(code: Code, plans: PlanLog) -> dict[str, ScanCost]:
    """The costly scans of a function, by table."""
    assert code.definition is not None, code.owner
    found: dict[str, ScanCost] = {}
    for key, (queries, looked_at, given) in plans.scans(code.definition.path, code.definition).items():
        if key.by or key.is_list or looked_at < SCANNED_NOTED * queries:
            continue
        if looked_at - given > DROPPED_SHARE * looked_at:
            found[key.table] = ScanCost(queries, looked_at, given, key.fields)
    return found


def _unknown_cure(cost: ScanCost | None) -> str:
    fields = cost.fields if cost is not None else ()
    if not fields:
        return ".with_index(...) on a field that the filter compares, with its .index(...) line in the %%schema cell"
    listed = ", ".join(f'"{field}"' for field in fields)
    name = "by_" + "_and_".join(field.replace(".", "_") for field in fields)
    return f'.index("{name}", [{listed}])   in the %%schema cell, and   .with_index("{name}", ...)   before the filter'


def unused_index_findings(codes: Sequence[Code], schema: SchemaDefinition | None) -> Iterator[Finding]:
    """Indexes that no function mentions, and those that another one does the work of."""
    mentioned = {text for code in codes for text in code.texts()}
    for table_name, table in schema.tables.items() if schema is not None else ():
        for index in table.indexes.values():
            if index.unique or index.staged:
                continue
            listed = ", ".join(f'"{each}"' for each in index.fields)
            line = f'{table_name}: leave out   .index("{index.name}", [{listed}])'
            larger = next(
                (
                    each.name
                    for each in table.indexes.values()
                    if each is not index
                    and len(each.fields) > len(index.fields)
                    and each.fields[: len(index.fields)] == index.fields
                ),
                None,
            )
            if index.name not in mentioned:
                yield Finding(
                    f"{table_name}.{index.name}", "", "is an index that no function uses.", line, is_grave=False
                )
            elif larger is not None:
                yield Finding(
                    f"{table_name}.{index.name}",
                    "",
                    f"begins as {larger} does, which finds the same documents.",
                    f'.with_index("{larger}", ...)   and   {line}',
                    is_grave=False,
                )
