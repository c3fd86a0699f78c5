"""What commands print: values as JSON, tables of words, what went wrong.

Owns:  `print_value`, `print_rows`, `complain`.
Must not know: commands.
Invariants: results go to standard output, everything else to standard error, so that a pipe gets results only.
Threads: the main thread.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from nbconvex.values.codec import json_dumps


def print_value(value: Any) -> None:
    """One value, as JSON on one line."""
    # At once: somebody may follow, through a pipe.
    print(json_dumps(value), flush=True)  # noqa: T201 - it is the result


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Rows of words, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())  # noqa: T201


def tell(text: str) -> None:
    """Something that is no result."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def complain(text: str) -> None:
    """What went wrong."""
    tell(f"nbconvex: {text}")
