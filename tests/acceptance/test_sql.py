"""SQL against plain Python: random schemas and histories, several transactions at once, old snapshots, real threads."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import nbconvex
from nbconvex.backend import Backend
from nbconvex.errors import ConflictError
from nbconvex.limits import Limits
from nbconvex.storage.tables import engine, projection
from nbconvex.values.schema import SchemaDefinition, define_table
from tests.acceptance.sql_model import Document, TableModel, column_names, grouped, is_same, table_models

TABLES = ("left", "Right")
WHICH_TABLE = st.sampled_from(TABLES)
#: Without shrinking, which takes minutes here: a failing run is short enough to be read.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
#: Everything that is committed, by table and id.
Contents = dict[str, dict[str, Document]]


class OpenTransaction:
    """A transaction, what it should see, and what it wrote."""

    def __init__(self, transaction: Any, contents: Contents) -> None:
        self.transaction = transaction
        self.sees = {table: dict(documents) for table, documents in contents.items()}
        self.written: dict[tuple[str, str], Document | None] = {}

    def write(self, table: str, document_id: str, document: Document | None) -> None:
        self.written[table, document_id] = document
        if document is None:
            del self.sees[table][document_id]
        else:
            self.sees[table][document_id] = document


class SqlMachine(RuleBasedStateMachine):
    """Two mutations open at a time; snapshots that were, kept for questions."""

    def __init__(self) -> None:
        super().__init__()
        self.backend = Backend.open(limits=Limits.off())
        self.database = self.backend.database
        self.committed: Contents = {table: {} for table in TABLES}
        self.past: list[tuple[Any, Contents]] = []
        self.open: list[OpenTransaction] = []
        self.models: dict[str, TableModel] = {}

    def teardown(self) -> None:
        self.backend.close()

    @initialize(left=table_models(), right=table_models())
    def define(self, left: TableModel, right: TableModel) -> None:
        self.models = {"left": left, "Right": right}
        self.backend.push_schema(SchemaDefinition({
            name: define_table(model.fields) for name, model in self.models.items() if model.fields is not None
        }, strict_table_names=False))  # fmt: skip
        transaction = self.database.begin(writable=True)
        for name in TABLES:
            transaction.insert(name, {"n": 1, "k": "x"}) if self.models[name].fields is None else None
        for name in TABLES:
            for document in transaction.query(name).collect() if transaction.table(name) is not None else ():
                self.committed[name][document["_id"]] = document
        if transaction.writes:
            self.database.commit(transaction)

    @precondition(lambda self: len(self.open) < 2)
    @rule()
    def begin(self) -> None:
        self.open.append(OpenTransaction(self.database.begin(writable=True), self.committed))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), table=WHICH_TABLE, data=st.data())
    def insert(self, which: int, table: str, data: Any) -> None:
        each = self.open[which % len(self.open)]
        for document in data.draw(st.lists(self.documents(table), min_size=1, max_size=3)):
            document_id = each.transaction.insert(table, document)
            each.write(table, document_id, each.transaction.get(document_id))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), table=WHICH_TABLE, place=st.integers(0, 9), data=st.data())
    def replace(self, which: int, table: str, place: int, data: Any) -> None:
        each = self.open[which % len(self.open)]
        if ids := sorted(each.sees[table]):
            document_id = ids[place % len(ids)]
            each.transaction.replace(document_id, data.draw(self.documents(table)))
            each.write(table, document_id, each.transaction.get(document_id))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), table=WHICH_TABLE, place=st.integers(0, 9))
    def delete(self, which: int, table: str, place: int) -> None:
        each = self.open[which % len(self.open)]
        if ids := sorted(each.sees[table]):
            document_id = ids[place % len(ids)]
            each.transaction.delete(document_id)
            each.write(table, document_id, None)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1))
    def commit(self, which: int) -> None:
        each = self.open.pop(which % len(self.open))
        self.past = [*self.past[-2:], (self.database.snapshot, {t: dict(d) for t, d in self.committed.items()})]
        try:
            self.database.commit(each.transaction)
        except ConflictError:
            return
        for (table, document_id), document in each.written.items():
            self.committed[table].pop(document_id, None)
            if document is not None:
                self.committed[table][document_id] = document

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1))
    def ask_inside(self, which: int) -> None:
        each = self.open[which % len(self.open)]
        self.check(each.transaction, each.sees)

    @rule()
    def ask_the_newest(self) -> None:
        self.check(self.database.begin(writable=False), self.committed)

    @precondition(lambda self: self.past)
    @rule(which=st.integers(0, 2))
    def ask_the_past(self, which: int) -> None:
        snapshot, contents = self.past[which % len(self.past)]
        self.check(self.database.begin_at(snapshot), contents)

    @rule()
    def forget(self) -> None:
        """Everything is derived."""
        self.backend.runner.sql.engine.forget()

    # -- asking ------------------------------------------------------------------------------------------------------

    def documents(self, table: str) -> Any:
        return self.models[table].documents

    def check(self, transaction: Any, contents: Contents) -> None:
        def ask(text: str, **parameters: Any) -> list[Document]:
            return self.backend.runner.sql.rows(transaction, text, parameters)

        for table in TABLES:
            documents = list(contents[table].values())
            self.check_columns(table, ask(f'SELECT * FROM "{table}"'), documents)
            assert ask(f'SELECT count(*) AS n FROM "{table}"') == [{"n": len(documents)}]
            groups = ask(f'SELECT k, count(*) AS c, sum(n) AS s, max(n) AS m FROM "{table}" GROUP BY k') if (
                documents or self.models[table].fields is not None) else []  # fmt: skip
            assert {row["k"]: (row["c"], row["s"], row["m"]) for row in groups} == grouped(documents)
            if documents or self.models[table].fields is not None:
                found = ask(f'SELECT _id FROM "{table}" WHERE n >= $low AND k <> $k', low=-10, k="y")
                assert {row["_id"] for row in found} == {
                    each["_id"] for each in documents if each["n"] >= -10 and each["k"] != "y"
                }
        left, right = (list(contents[table].values()) for table in TABLES)
        if left and right:
            joined = ask('SELECT count(*) AS n, sum(l.n * r.n) AS s FROM "left" l JOIN "Right" r ON l.k = r.k')
            pairs = [one["n"] * two["n"] for one in left for two in right if one["k"] == two["k"]]
            assert joined == [{"n": len(pairs), "s": float(sum(pairs)) if pairs else None}]

    def check_columns(self, table: str, rows: list[Document], documents: list[Document]) -> None:
        assert len(rows) == len(documents)
        by_id = {row["_id"]: row for row in rows}
        names = column_names(self.models[table], documents)
        for document in documents:
            row = dict(by_id[document["_id"]])
            nulls = row.pop("_nulls", None)
            assert row.keys() == {"_id", "_creationTime", *names.values()}
            assert row["_creationTime"] == document["_creationTime"]
            for field, name in names.items():
                assert is_same(document.get(field), row[name]), (table, field, document, row)
                is_null = field in document and document[field] is None
                if nulls is not None:
                    assert (field in nulls) is is_null
                elif is_null:
                    assert self.models[table].fields is not None, (
                        "there may be nulls, so there is a column that says so"
                    )


def test_sql_answers_as_plain_python_does(is_long: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # So that a few rows are compressed, differences become a rebuilding, and deleted rows are swept.
    monkeypatch.setattr(engine, "_FRESH_MAX", 6)
    monkeypatch.setattr(projection, "_DIFFERENCES_MIN", 4)
    monkeypatch.setattr(projection, "_DELETED_MIN", 3)
    monkeypatch.setattr(projection, "BATCH_ROWS", 3)
    examples, steps = (1_500, 60) if is_long else (40, 25)
    run_state_machine_as_test(
        SqlMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=PHASES,
        ),
    )


def test_what_is_asked_while_others_write_is_of_one_moment() -> None:
    """Money moves between accounts in three threads; whoever sums it up, wherever, sees all of it."""
    accounts, moves = 20, 60
    with nbconvex.open() as backend:
        backend.define_cell(
            "mutation",
            "def move(ctx, source: str, target: str):\n"
            "    for id, change in ((source, -1), (target, 1)):\n"
            '        ctx.db.patch(id, {"money": ctx.db.get(id)["money"] + change})\n'
            '    ctx.db.insert("moves", {"of": source})\n'
            "def begin(ctx, accounts: int):\n"
            '    ctx.db.insert("moves", {"of": "nobody"})\n'
            '    return [ctx.db.insert("accounts", {"money": 100, "k": n % 3}) for n in range(accounts)]\n',
            module="bank",
        )
        backend.define_cell(
            "query",
            "def total(ctx):\n"
            '    by_kind = ctx.db.sql("SELECT k, sum(money) AS m FROM accounts GROUP BY k")\n'
            '    return [sum(row["m"] for row in by_kind), ctx.db.query("moves").count(),\n'
            '            ctx.db.sql("SELECT count(*) AS n FROM moves")[0]["n"]]\n',
            module="bank",
        )
        ids = backend.api.bank.begin(accounts=accounts)
        problems: list[BaseException] = []
        told: list[Any] = []
        subscription = backend.subscribe("bank:total", {}, told.append)

        def write(seed: int) -> None:
            rng = random.Random(seed)
            try:
                for _ in range(moves):
                    source, target = rng.sample(ids, 2)
                    backend.run("bank:move", {"source": source, "target": target})
            except BaseException as error:
                problems.append(error)

        writers = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            money, counted, by_sql = backend.run("bank:total")
            assert (money, counted) == (100.0 * accounts, by_sql)
            assert backend.sql("SELECT sum(money) FROM accounts").fetchone() == (100.0 * accounts,)
        for writer in writers:
            writer.join()
        assert not problems
        assert backend.live.settle()
        assert all(update.value[0] == 100.0 * accounts for update in told)
        assert told[-1].value[1:] == [3 * moves + 1, 3 * moves + 1]
        subscription.close()
