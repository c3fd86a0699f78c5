"""Sizes of files as people read them.

Owns:  `shown_size`.
Must not know: what has the size.
Threads: pure.
"""

from __future__ import annotations


def shown_size(size_bytes: float) -> str:
    """`1,234 bytes`, `1.2 MB`: decimal units, as operating systems show them."""
    if size_bytes < 10_000:
        return f"{size_bytes:,.0f} byte{'' if size_bytes == 1 else 's'}"
    for factor, unit in ((1e3, "kB"), (1e6, "MB")):
        if size_bytes < factor * 999.95:
            return f"{size_bytes / factor:,.1f} {unit}"
    return f"{size_bytes / 1e9:,.1f} GB"
