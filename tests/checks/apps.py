"""Apps to check: one with every fault, and the same without."""

from __future__ import annotations

from typing import Any

import nbconvex
from nbconvex.backend import Backend

SCHEMA = 'posts = table({"author": v.string(), "n": v.number()})'
FILL = """
def fill(ctx, count: int):
    for number in range(count):
        ctx.db.insert("posts", {"author": f"author {number % 50}", "n": number})
"""


class App:
    """A backend in memory whose cells share a namespace, as a notebook's do."""

    def __init__(self) -> None:
        self.backend: Backend = nbconvex.open(":memory:")
        self.names: dict[str, Any] = {
            "api": self.backend.api, "internal": self.backend.internal, "v": nbconvex.v,
            "CORS_HEADERS": nbconvex.CORS_HEADERS, "ConvexError": nbconvex.ConvexError,
        }  # fmt: skip
        self.schema(SCHEMA)

    def schema(self, text: str) -> None:
        self.backend.define_schema_cell(text, namespace=self.names)

    def define(self, kind: Any, text: str, *, module: str = "posts", internal: bool = False, cell: str = "") -> None:
        self.backend.define_cell(
            kind, text, module=module, internal=internal, namespace=self.names, origin=cell or None
        )

    def http(self, line: str, text: str, **options: Any) -> None:
        method, path = line.split()
        self.backend.http.define_cell(method, path, text, namespace=self.names, **options)

    def fill(self, count: int) -> None:
        self.define("mutation", FILL, module="filling", internal=True)
        self.backend.run("filling:fill", {"count": count})
