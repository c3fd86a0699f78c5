"""Sizes and durations as people read them.

Owns:  `shown_size`, `shown_ms`.
Must not know: what has the size, what took the time.
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


def shown_ms(duration_ms: float) -> str:
    """`0.3 ms`, `35 ms`, `1.2 s`: as many digits as somebody compares."""
    if duration_ms < 9.95:
        return f"{duration_ms:.1f} ms"
    return f"{duration_ms:,.0f} ms" if duration_ms < 999.5 else f"{duration_ms / 1e3:,.1f} s"
