"""What is kept of functions that ran."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.errors import NotAllowedError

ALL = 'def f(ctx):\n    return ctx.db.query("m").filter(lambda d: d["n"] == 3).first()'


@pytest.fixture
def backend():
    with nbconvex.open(":memory:") as backend:
        backend.define_cell("mutation", 'def add(ctx, n: float):\n    return ctx.db.insert("m", {"n": n})', module="m")
        for number in range(5):
            backend.run("m:add", {"n": number})
        yield backend


def plan(backend, path):
    return backend.runner.plans.of(path, backend.registry.get(path))


def test_runs_and_documents_are_counted_and_a_cached_answer_is_no_run(backend) -> None:
    backend.define_cell("query", ALL, module="q")
    backend.run("q:f")
    backend.run("q:f")
    assert (plan(backend, "q:f").runs, plan(backend, "q:f").documents_read) == (1, 4)
    assert list(plan(backend, "q:f").scans.values()) == [[1, 4, 1]]


def test_editing_a_function_begins_anew(backend) -> None:
    backend.define_cell("query", ALL, module="q")
    backend.run("q:f")
    backend.define_cell("query", ALL, module="q")
    assert plan(backend, "q:f").runs == 0


def test_a_nested_functions_scan_is_its_own(backend) -> None:
    backend.define_cell("query", ALL, module="q")
    backend.define_cell("query", 'def g(ctx):\n    return ctx.run_query("q:f")', module="o")
    backend.run("o:g")
    assert len(plan(backend, "q:f").scans) == 1
    assert plan(backend, "o:g").scans == {}


def test_what_was_refused_is_kept_once_and_errors_of_its_own_are_not(backend) -> None:
    backend.define_cell("mutation", "import time\ndef f(ctx):\n    time.sleep(1)\n"
                        "def g(ctx):\n    raise ValueError('own')",
                        module="w")  # fmt: skip
    for _ in range(2):
        with pytest.raises(NotAllowedError):
            backend.run("w:f")
    with pytest.raises(ValueError, match="own"):
        backend.run("w:g")
    assert len(plan(backend, "w:f").misuses) == 1
    assert plan(backend, "w:g").misuses == {}
