"""A backend with a small app, for the panels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import nbconvex
from nbconvex.backend import Backend
from nbconvex.values.schema import table
from nbconvex.values.validators import v

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


MESSAGES = (
    table({
        "channel": v.string(),
        "body": v.string(),
        "likes": v.int64(),
        "score": v.optional(v.number()),
        "when": v.optional(v.datetime()),
        "author": v.optional(v.id("users")),
    })
    .index("by_channel", ["channel", "likes"])
    .index("by_score", ["score"])
)  # fmt: skip
USERS = table({"name": v.string()}).index("by_name", ["name"], unique=True)


@pytest.fixture
def store() -> Iterator[Backend]:
    """Tables with indexes and fields of many kinds, and nothing in them."""
    with Backend.open() as made:
        made.push_schema({"messages": MESSAGES, "users": USERS})
        yield made
