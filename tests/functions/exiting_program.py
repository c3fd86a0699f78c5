"""A program that opens a store, writes, and ends without closing anything."""

from __future__ import annotations

import sys
from typing import Any

import nbconvex

backend = nbconvex.open(sys.argv[1])


@backend.mutation
def add(ctx: Any) -> str:
    return ctx.db.insert("things", {"n": 1})


print(backend.api.main.add())
