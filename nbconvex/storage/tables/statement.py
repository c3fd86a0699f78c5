"""What a text of SQL may be: one SELECT over the tables there are, and nothing that reaches out of them.

Owns:  `Statement`, `StatementReader`: a text read by DuckDB's own parser, and held against lists of what is allowed.
Must not know: which tables there are; how a statement is run.
Invariants: what is not on a list is refused: kinds of nodes, functions, table functions, schemas. A statement that
passed reads tables, named here, and its parameters, and nothing else; in a `repeatable` one neither does the clock.
The connection that runs it is closed to files, the network and settings as well, so one mistake here opens nothing.
Threads: any; a lock around DuckDB.
Source: semantics 14 row 2; product.md 5.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbconvex.errors import LimitExceededError, SqlInvalidError
from nbconvex.storage.tables.explanation import explained

if TYPE_CHECKING:
    import duckdb

#: Texts that are kept as read.
_KEPT_MAX = 256

_NODES = frozenset({
    "SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE",
    "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT",
    "ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER",
    "ORDER_DEFAULT", "ASCENDING", "DESCENDING", "ORDER_ASCENDING", "ORDER_DESCENDING",
})  # fmt: skip
_EXPRESSIONS = frozenset({
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "DEFAULT", "FUNCTION",
    "LAMBDA", "LAMBDA_REF", "OPERATOR", "PARAMETER", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
})  # fmt: skip
_TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "unnest"})
#: Macros of DuckDB that only compute. Other functions are let in by what DuckDB says of them, but for those below.
_MACROS = frozenset({
    "array_append", "array_pop_back", "array_pop_front", "array_prepend", "array_push_back", "array_push_front",
    "array_reverse", "array_to_string", "array_to_string_comma_default", "date_add", "days_in_month", "fdiv", "fmod",
    "generate_subscripts", "geomean", "geometric_mean", "if", "json", "json_group_array", "json_group_object",
    "json_group_structure", "list_any_value", "list_append", "list_approx_count_distinct", "list_avg", "list_bit_and",
    "list_bit_or", "list_bit_xor", "list_bool_and", "list_bool_or", "list_count", "list_entropy", "list_first",
    "list_histogram", "list_kurtosis", "list_kurtosis_pop", "list_last", "list_mad", "list_max", "list_median",
    "list_min", "list_mode", "list_prepend", "list_product", "list_reverse", "list_sem", "list_skewness",
    "list_stddev_pop", "list_stddev_samp", "list_string_agg", "list_sum", "list_var_pop", "list_var_samp",
    "map_contains_entry", "map_contains_value", "md5_number_lower", "md5_number_upper", "nullif",
    "regexp_split_to_table", "split_part", "wavg", "weighted_avg",
})  # fmt: skip
#: Called consistent by DuckDB, but they read statements, plans, logs or the clock.
_REFUSED_FUNCTIONS = frozenset({
    "current_localtime", "current_localtimestamp", "json_deserialize_sql", "json_serialize_plan",
    "json_serialize_sql", "parse_duckdb_log_message", "version", "cast_to_type", "make_type", "replace_type",
})  # fmt: skip
#: What reads the clock or draws a random number: fine in a cell, and not in a function that has to be repeatable.
_CHANGING = frozenset({
    "ago", "current_date", "current_localtime", "current_localtimestamp", "gen_random_uuid", "get_current_time",
    "get_current_timestamp", "now", "random", "today", "transaction_timestamp", "uuid", "uuidv4", "uuidv7",
})  # fmt: skip
_CHANGING_NAMES = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*([A-Za-z]+)", re.DOTALL)
_WRITES = frozenset({"insert", "update", "delete", "merge", "truncate", "replace", "upsert"})
_INSERT_NODES = frozenset({"INSERT_QUERY_NODE", "UPDATE_QUERY_NODE", "DELETE_QUERY_NODE", "MERGE_QUERY_NODE"})


@dataclass(frozen=True, slots=True)
class Statement:
    """A text that may be run.

    Fields:  `tables` are the names in FROM that no WITH explains, as written; `maybe_tables` those that one may
    explain; `parameters` the names behind `$`, in order.
    """

    text: str
    tables: tuple[str, ...]
    maybe_tables: tuple[str, ...]
    parameters: tuple[str, ...]


class StatementReader:
    """Reads texts with `connection`, which is used for nothing else."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, text_bytes_max: int) -> None:
        self._connection = connection
        self._text_bytes_max = text_bytes_max
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, bool], Statement] = OrderedDict()
        self._functions: frozenset[str] = frozenset()
        self._views: frozenset[str] = frozenset()

    def read(self, text: str, *, is_repeatable: bool) -> Statement:
        """The statement that `text` is; a repeatable one gives the same answer whenever it is run.

        Raises:  SqlInvalidError, LimitExceededError.
        """
        key = (text, is_repeatable)
        statement = self._kept.get(key)
        if statement is None:
            with self._lock:
                statement = self._read(text, is_repeatable=is_repeatable)
                self._kept[key] = statement
                if len(self._kept) > _KEPT_MAX:
                    self._kept.popitem(last=False)
        return statement

    def _read(self, text: str, *, is_repeatable: bool) -> Statement:
        import duckdb

        if not isinstance(text, str):
            raise SqlInvalidError(f"SQL is a text, got {type(text).__name__}.", hint='sql("SELECT count(*) FROM t")')
        if len(text) > self._text_bytes_max:
            raise LimitExceededError(
                "sql_text_bytes", f"the text of this SQL has {len(text):,} characters", maximum=self._text_bytes_max,
                cure="Pass data as parameters: WHERE list_contains($ids, _id).",
            )  # fmt: skip
        if not self._functions:
            self._learn()
        try:
            statements = duckdb.extract_statements(text)
        except duckdb.Error as error:
            raise _syntax(text, error) from None
        _require_one_select(text, statements)
        parameters = tuple(sorted(statements[0].named_parameters, key=lambda name: _position(text, name)))
        for name in parameters:
            if not _PARAMETER.fullmatch(name):
                raise SqlInvalidError(
                    "parameters have names here: $name, not ? or $1.", hint='sql("… WHERE author = $author", author=a)'
                )
        query = "SELECT json_serialize_sql($1::VARCHAR)"
        row = self._connection.execute(query, [statements[0].query]).fetchone()
        tree = json.loads(row[0]) if row else {"error": True}
        if tree.get("error"):
            raise _syntax(text, tree.get("error_message", "it cannot be read"))
        tables, explained_names = _Check(self._functions, is_repeatable=is_repeatable).names(tree["statements"])
        shadowed = explained_names & self._views
        if shadowed:
            raise SqlInvalidError(f"{min(shadowed)} is the name of something of DuckDB's: give it another.")
        certain = tuple(name for name in tables if name.lower() not in explained_names)
        return Statement(
            statements[0].query, certain, tuple(name for name in tables if name.lower() in explained_names), parameters
        )

    def _learn(self) -> None:
        """Which functions only compute, by DuckDB's own word, and which names its own views have."""
        rows = self._connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE internal AND stability = 'CONSISTENT' "
            "AND function_type IN ('scalar', 'aggregate', 'window')"
        ).fetchall()
        # Operators that the parser makes functions of, such as LIKE, are among them; count(*) is not.
        self._functions = (frozenset(name for (name,) in rows) | _MACROS | {"count_star", "error"}) - _REFUSED_FUNCTIONS
        views = self._connection.execute("SELECT view_name FROM duckdb_views() WHERE internal").fetchall()
        self._views = frozenset(name.lower() for (name,) in views)


def _position(text: str, parameter: str) -> int:
    found = re.search(rf"\${re.escape(parameter)}\b", text)
    return found.start() if found else len(text)


def _require_one_select(text: str, statements: list[duckdb.Statement]) -> None:
    import duckdb

    if not statements:
        raise SqlInvalidError("this SQL is empty.", hint='sql("SELECT count(*) FROM messages")')
    # A PIVOT without IN is several statements to DuckDB, and begins as one; its values have to be named.
    if len(statements) > 1:
        raise SqlInvalidError(
            f"SQL here is one statement, got {len(statements)}: write what follows the semicolon as SQL of its own, "
            "or join the parts with WITH name AS (…)."
        )
    if statements[0].type == duckdb.StatementType.SELECT:
        return
    word = _word(text)
    if word in _WRITES:
        raise SqlInvalidError(
            f"SQL only reads here, and {word.upper()} writes: use a mutation, which keeps schema, conflicts and live "
            "queries right.",
            hint='ctx.db.insert("table", {...}), ctx.db.patch(id, {...}) or ctx.db.delete(id) in a %%mutation',
        )
    if word == "pivot":
        raise SqlInvalidError(
            "PIVOT has to name its values here.", hint="PIVOT t ON month IN ('jan', 'feb') USING sum(x)"
        )
    raise SqlInvalidError(
        f"SQL here is a SELECT, and {(word or 'this').upper()} is none: it reads the tables of this backend, and "
        "nothing else.",
        hint="SELECT … FROM … (also WITH …, FROM … or VALUES …)",
    )


def _word(text: str) -> str:
    found = _WORD.match(text)
    return found[1].lower() if found else ""


def _syntax(text: str, error: object) -> SqlInvalidError:
    if _word(text) == "select" and "Mixing named and positional" in str(error):
        return SqlInvalidError("parameters have names here: $name, not ? or $1.")
    return explained(str(error), tables=())


class _Check:
    """One walk over a statement's tree."""

    def __init__(self, functions: frozenset[str], *, is_repeatable: bool) -> None:
        self._functions = functions
        self._is_repeatable = is_repeatable
        self._tables: dict[str, None] = {}
        self._explained: set[str] = set()

    def names(self, tree: Any) -> tuple[tuple[str, ...], frozenset[str]]:
        """The names in FROM, and those (in lower case) that a WITH explains."""
        for node in _nodes(tree):
            self._node(node)
        return tuple(self._tables), frozenset(self._explained)

    def _node(self, node: dict[str, Any]) -> None:
        kind, is_a = node.get("class"), node.get("type")
        if kind is not None:
            if kind not in _EXPRESSIONS:
                raise SqlInvalidError(f"this kind of expression ({kind}) is not available in SQL here.")
        elif isinstance(is_a, str) and is_a not in _NODES:
            raise _no_node(is_a)
        if is_a == "BASE_TABLE":
            self._table(node)
        if node.get("sample") is not None and self._is_repeatable:
            raise _changing("a sample")
        if "function_name" in node:
            self._function(node, is_table=False)
        if is_a == "TABLE_FUNCTION":
            self._function(node["function"], is_table=True)
        names = node.get("column_names")
        if self._is_repeatable and isinstance(names, list) and len(names) == 1:
            name = str(names[0]).lower()
            if name in _CHANGING_NAMES:
                raise _changing(name)
        if "cte_map" in node:
            self._explained.update(str(each["key"]).lower() for each in node["cte_map"]["map"])
        if isinstance(node.get("cte_name"), str):
            self._explained.add(node["cte_name"].lower())

    def _table(self, node: dict[str, Any]) -> None:
        path = node.get("qualified_name", {}).get("path", [])
        schema = node.get("schema_name", "")
        if node.get("catalog_name") or len(path) > 2 or schema.lower() not in {"", "main"}:
            raise SqlInvalidError(
                f"{'.'.join(path) or schema} is out of reach: SQL here reads the tables of this backend, by name.",
                hint="SELECT … FROM messages",
            )
        if node.get("at_clause") is not None:
            raise SqlInvalidError("AT (…) is not available: SQL reads the snapshot of the function or cell it is in.")
        self._tables[node["table_name"]] = None

    def _function(self, node: dict[str, Any], *, is_table: bool) -> None:
        name = node["function_name"].lower()
        if node.get("catalog") or node.get("schema", "").lower() not in {"", "main"}:
            raise _no_function(f"{node['schema']}.{name}")
        if is_table:
            if name not in _TABLE_FUNCTIONS:
                raise _no_function(name)
            return
        if name == "age" and self._is_repeatable and len(node["arguments"]) == 1:
            raise _changing("age() of one moment, which is counted from today,")
        if name in self._functions or name in _TABLE_FUNCTIONS:
            return
        if name not in _CHANGING:
            raise _no_function(name)
        if self._is_repeatable:
            raise _changing(f"{name}()")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    stack = [tree]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            yield each
            stack.extend(reversed(each.values()))
        elif isinstance(each, list):
            stack.extend(reversed(each))


def _no_node(kind: str) -> SqlInvalidError:
    if kind in _INSERT_NODES:
        return SqlInvalidError(
            f"SQL only reads here, and {kind.partition('_')[0]} inside of WITH writes: use a mutation."
        )
    if kind == "SHOW_REF":
        return SqlInvalidError(
            "SHOW, DESCRIBE and SUMMARIZE are not available in SQL here.", hint="SELECT * FROM messages LIMIT 10"
        )
    return SqlInvalidError(f"this part of SQL ({kind}) is not available here.")


def _no_function(name: str) -> SqlInvalidError:
    return SqlInvalidError(
        f"{name}() is not available in SQL here: SQL reads the tables of this backend, no files, no settings, no "
        "network. Read a file in a cell, and insert its rows with a mutation or in an import."
    )


def _changing(what: str) -> SqlInvalidError:
    return SqlInvalidError(
        f"{what} gives something else each time, and queries and mutations must give the same result when they are "
        "run again. Pass what it should be as a parameter.",
        hint='ctx.db.sql("… WHERE _creationTime > $since", since=ctx.now() - 3_600_000)',
    )
