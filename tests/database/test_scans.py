"""What is noted of queries: filters, long lists, and nothing else."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.database.scans import COLLECTED_NOTED, SCANS_KEPT_MAX, ScanKey


@pytest.fixture
def begin():
    with nbconvex.open(":memory:") as backend:
        backend.push_schema({"m": nbconvex.table({"n": nbconvex.v.number()}).index("by_n", ["n"])})
        with_documents = backend.database.begin(writable=True)
        for number in range(COLLECTED_NOTED + 1):
            with_documents.insert("m", {"n": number})
        backend.database.commit(with_documents)
        yield lambda: backend.database.begin(writable=False, reader="a:b")


def test_a_query_without_a_filter_notes_nothing(begin) -> None:
    tx = begin()
    tx.query("m").take(5)
    tx.query("m").with_index("by_n", n=3).collect()
    assert tx.scans is None


def test_a_filter_is_noted_with_what_it_looked_at_and_gave(begin) -> None:
    tx = begin()
    for _ in range(2):
        tx.query("m").filter(lambda q: q.lt(q.field("n"), 10)).collect()
    tx.query("m").filter(lambda d: d["n"] == 4).first()
    tx.query("m").with_index("by_n").filter(lambda d: d["n"] == 4).paginate(num_items=1)
    assert tx.scans == {
        ScanKey("a:b", "m", "", ("n",)): [2, 2_002, 20],
        ScanKey("a:b", "m", "", ()): [1, 5, 1],
        ScanKey("a:b", "m", "by_n", ()): [1, 5, 1],
    }


def test_a_long_list_is_noted(begin) -> None:
    tx = begin()
    tx.query("m").collect()
    count = COLLECTED_NOTED + 1
    assert tx.scans == {ScanKey("a:b", "m", "", (), is_list=True): [1, count, count]}


def test_what_one_transaction_remembers_is_bounded(begin) -> None:
    tx = begin()
    for number in range(SCANS_KEPT_MAX + 5):
        tx.query("m").filter(lambda q, number=number: q.lt(q.field(f"f{number}"), 1)).first()
    assert len(tx.scans) == SCANS_KEPT_MAX
