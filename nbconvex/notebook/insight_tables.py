"""`%convex insights` as tables.

Owns:  `insight_listing`; the words of its cells.
Must not know: how anything is counted.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nbconvex.checks.insights import FunctionStats, ReadStats, function_stats, read_stats
from nbconvex.errors import CallerError
from nbconvex.notebook.card import Listing
from nbconvex.notebook.command_line import nearest

if TYPE_CHECKING:
    from nbconvex.notebook.session import Session

_ERROR_MAX: Final = 100


def insight_listing(session: Session, wanted: str | None) -> Listing:
    """The functions that were called; of one function or module, the ways in which it reads.

    Raises:  CallerError where there is no such function.
    """
    backend = session.backend
    known = {each.name for each in backend.registry.functions.values()}
    modules = {name.partition(":")[0] for name in known}
    stats = function_stats(backend, wanted)
    if wanted is not None and not stats and wanted not in known | modules:
        raise CallerError(f'there is no function "{wanted}".{nearest(wanted, known)}', hint="%convex functions")
    masked = backend.runner.environment.masked
    if wanted is None:
        return Listing(
            "insights: the newest calls, by function",
            ["function", "calls", "errors", "cache hits", "p50 ms", "p95 ms", "newest error", "how it reads"],
            [_row(each, masked) for each in stats],
            empty="No calls in the log.",
            numeric=[False, True, True, True, True, True, False, False],
        )
    rows = [[*_row(each, masked)[:7], "; ".join(each.remarks)] for each in stats]
    reads = [_read_row(each) for each in read_stats(backend, wanted)]
    return Listing(
        f"insights: {wanted}",
        ["function", "calls", "errors", "cache hits", "p50 ms", "p95 ms", "newest error", "how it reads"],
        [*rows, *reads],
        empty=f"{wanted} has not been called.",
        numeric=[False, True, True, True, True, True, False, False],
    )


def _row(stats: FunctionStats, masked: object) -> list[str]:
    error = ""
    if stats.newest_error is not None:
        cause = stats.newest_error.error
        error = masked(f"{type(cause).__name__}: {cause}".splitlines()[0])  # type: ignore[operator]
    return [
        stats.path,
        f"{stats.calls:,}",
        f"{stats.errors:,}",
        f"{stats.cache_hits:,}",
        f"{stats.p50_ms:.1f}",
        f"{stats.p95_ms:.1f}",
        error if len(error) <= _ERROR_MAX else f"{error[: _ERROR_MAX - 1]}…",
        "; ".join(stats.remarks),
    ]


def _read_row(read: ReadStats) -> list[str]:
    how = f"{read.table} by {read.index}" if read.index and read.index != "by_creation_time" else f"all of {read.table}"
    if read.queries is not None:
        noun = "query" if read.queries == 1 else "queries"
        how += f": {read.queries:,} {noun}, {read.looked_at:,} documents read, {read.given:,} given"
    if read.fields:
        how += f", filtered by {', '.join(read.fields)}"
    return [
        f"  {read.path.removesuffix(':default')}",
        "",
        "",
        "",
        "",
        "",
        "",
        f"{how}{f' ({read.remark})' if read.remark else ''}",
    ]
