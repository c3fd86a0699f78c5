"""A backend with data to look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nbconvex.backend import Backend
from nbconvex.values.schema import table
from nbconvex.values.validators import v

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
def backend() -> Iterator[Backend]:
    """A store in memory with a schema, and nothing in it."""
    with Backend.open() as backend:
        backend.push_schema({"messages": MESSAGES, "users": USERS})
        yield backend
