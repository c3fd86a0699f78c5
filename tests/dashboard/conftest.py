"""A backend with a small app, for the panels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import nbconvex
from nbconvex.backend import Backend

SCHEMA = 'notes = table({"text": v.string(), "n": v.number()})'
MUTATIONS = '''
def add(ctx, text: str, n: int = 0):
    """Adds a note."""
    print("adding", text)
    return ctx.db.insert("notes", {"text": text, "n": n})

def fails(ctx):
    print("about to fail")
    raise ConvexError("no such luck")
'''
QUERIES = """
def all(ctx):
    return ctx.db.query("notes").collect()

def who(ctx):
    user = ctx.auth.get_user_identity()
    return user and dict(user)
"""
ACTIONS = """
def twice(ctx, text: str):
    print("twice")
    ctx.run_mutation("notes:add", text=text)
    ctx.run_mutation("notes:add", text=text)
    return ctx.run_query("notes:all")
"""


def define(backend: Backend, kind: Any, text: str, **options: Any) -> None:
    names = {"v": nbconvex.v, "ConvexError": nbconvex.ConvexError}
    backend.define_cell(kind, text, module=options.pop("module", "notes"), namespace=names, **options)


@pytest.fixture
def backend() -> Iterator[Backend]:
    with nbconvex.open(":memory:") as made:
        made.define_schema_cell(SCHEMA, namespace={"v": nbconvex.v})
        define(made, "mutation", MUTATIONS)
        define(made, "query", QUERIES)
        define(made, "action", ACTIONS, internal=True)
        yield made
